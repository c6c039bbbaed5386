"""Certify a partner's Partner Connect integration: 21 cases, checks beyond them, reports, sign-offs."""
