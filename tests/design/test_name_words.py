"""How names are cut into words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.design.knowledge.abbreviations import shortened, skeletons
from lampkeeper.design.knowledge.lexicon import load_lexicon
from lampkeeper.design.knowledge.tokens import fold

tokenize = load_lexicon().tokenize


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("firstName", "first name"),
        ("FIRST_NAME", "first name"),
        ("firstname", "first name"),
        ("custFName2", "customer first name 2"),
        ("dateofbirth", "date of birth"),
        ("subscriber_DOB", "subscriber date of birth"),
        ("IPAddress", "ip address"),
        ("Bank Account No.", "bank account number"),
        ("sodienthoai", "so dien thoai"),
        ("Số điện thoại", "so dien thoai"),
        ("shipping.address.line1", "shipping address line 1"),
        ("company", "company"),
        ("discount", "discount"),
        ("headphone", "headphone"),
        ("strand", "strand"),
        ("statuses", "status"),
        ("emrg_cntct_nm", "emergency contact name"),
        ("crdt_scr", "credit score"),
        ("driverslicensenumber", "driver licence number"),
        ("custnm", "customer name"),
        ("客户手机号码", "客户 手机号码"),
    ],
)
def test_a_name_is_cut_into_known_words(name: str, words: str) -> None:
    assert " ".join(tokenize(name)) == words


@pytest.mark.parametrize("word", ["account", "beneficiary", "complaint", "diagnosis", "religion", "salary", "surname"])
def test_a_word_without_its_vowels_is_that_word_if_it_fits_no_other(word: str) -> None:
    form = max(skeletons(word), key=len)
    assert shortened([word], frozenset())[form] == word
    assert form not in shortened([word, word[0] + "u" + word[1:]], frozenset())
    assert form not in shortened([word], frozenset({form}))


@given(st.text(max_size=300))
def test_any_text_is_cut_without_failing_and_the_same_each_time(name: str) -> None:
    assert tokenize(name) == tokenize(name)
    assert all(word == fold(word).lower() or not word.isascii() for word in tokenize(name))


def test_every_term_of_the_lexicon_is_found_in_itself() -> None:
    lexicon = load_lexicon()
    for terms in lexicon.terms.values():
        for term in terms:
            assert any(m.term.words == term.words for m in lexicon.find(term.words)), term
