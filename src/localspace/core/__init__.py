"""The floor: the store, the clock, errors, the ledger; imports no other package."""
