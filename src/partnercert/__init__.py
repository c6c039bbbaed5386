"""Certify a partner's Partner Connect integration: 21 cases, extended checks, reports, sign-offs."""
