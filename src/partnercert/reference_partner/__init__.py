"""A partner that keeps the contract, and breaks it on demand by named faults."""

from partnercert.reference_partner.app import build
from partnercert.reference_partner.faults import FAULTS, Fault

__all__ = ["FAULTS", "Fault", "build"]
