"""The hash key: what is taken for one, and that it goes into a function and comes out again unreviewed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

import pytest

from lampkeeper.design.knowledge.library import load_library
from lampkeeper.model.errors import UsageError
from lampkeeper.model.hash_key import HashKey, extract, holds_key, redact

KEYED = [f for f in load_library().functions.values() if f.function.keyed]


def test_a_key_is_read_in_hex_and_in_base64_and_is_the_same_key() -> None:
    raw = secrets.token_bytes(32)
    forms = (raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("="))
    assert len({HashKey.parse(f" {text}\n", "here").id for text in forms if not text.isalpha()}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "", "short", "a" * 64, "0" * 64, "password" * 8, "0123456789abcdef" * 4, bytes(range(32)).hex(),
        b"this is a phrase of 32 chars, ok".hex(), "correcthorsebatterystaplecorrecthorsebatteryx", "hello world " * 5,
        "CorrectHorse9CorrectHorse9CorrectHorse9CorrectHorse9", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a",
    ],
)  # fmt: skip
def test_a_key_that_is_short_or_could_be_guessed_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        HashKey.parse(text, "LAMPKEEPER_HASH_KEY")
    assert refused.value.exit_code == 2
    assert "openssl rand" in refused.value.fix
    assert not text or text not in str(refused.value) + refused.value.fix


def test_random_keys_are_taken() -> None:
    taken = [HashKey.parse(secrets.token_hex(size), "here").pads for _ in range(200) for size in (32, 48)]
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize("function", KEYED, ids=lambda f: f.name)
def test_what_goes_into_a_body_comes_out_as_it_was_with_the_id_of_the_key(function: object) -> None:
    text = secrets.token_hex(32)
    key = HashKey.parse(text, "here")
    body = function.function.body  # type: ignore[attr-defined]
    live = key.insert(body)
    assert live != body
    assert extract(live) == (body, key.id)
    assert holds_key(live)
    assert not holds_key(body)
    for pad in (*key.pads, text):
        assert pad not in redact(f"error near '{live}'")


def test_the_id_tells_keys_apart_and_shows_nothing_of_them() -> None:
    text = secrets.token_hex(32)
    key, other = HashKey.parse(text, "here"), HashKey.parse(secrets.token_hex(32), "here")
    assert key.id != other.id
    assert len(key.id) == 16
    plain = {hashlib.new(n, bytes.fromhex(text)).hexdigest()[:16] for n in ("md5", "sha1", "sha256", "sha512")}
    assert key.id not in plain
    assert text not in repr(key) + str(key)


def test_what_is_not_in_our_form_is_taken_out_too_and_belongs_to_no_key() -> None:
    literal = secrets.token_hex(64)
    for body in (f"sha2(concat('{literal}', v), 256)", f"sha2(concat(X'{literal}', CAST(v AS BINARY)), 256)"):
        text, key_id = extract(body)
        assert literal not in text
        assert key_id == ""
    two = HashKey.parse(secrets.token_hex(32), "a").insert(KEYED[0].function.body)
    mixed = two.replace(HashKey.parse(secrets.token_hex(32), "b").pads[0], "")
    assert extract(mixed)[1] != ""
    inner = HashKey.parse(secrets.token_hex(32), "c").pads[0]
    assert extract(f"unhex('{inner}') unhex('{HashKey.parse(secrets.token_hex(32), 'd').pads[1]}')")[1] == ""


def test_it_signs_as_hmac_does() -> None:
    text = secrets.token_hex(32)
    assert HashKey.parse(text, "here").sign(b"m") == hmac.new(bytes.fromhex(text), b"m", hashlib.sha256).digest()
