"""The digest: SHA-256, and nothing of a content is lost on the way to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.text.digest import digest_of

pytestmark = pytest.mark.unit


def test_it_is_sha_256() -> None:
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert digest_of("abc") == digest_of(b"abc") == known
    assert digest_of("abc", digits=16) == known[:16]


@given(one=st.text(st.characters()), other=st.text(st.characters()))
def test_different_texts_have_different_digests(one: str, other: str) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)
    assert digest_of("\ud800") != digest_of("\ud801")
