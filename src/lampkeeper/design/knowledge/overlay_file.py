"""Reads an overlay's YAML and reports all errors at once, each with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lampkeeper.design.knowledge.formats import Check, Format, Weights, check_problem, pattern_problem
from lampkeeper.design.knowledge.kinds import Kind
from lampkeeper.design.knowledge.library import Library, load_library
from lampkeeper.design.knowledge.overlay import (
    AccessLevel,
    AccessPattern,
    GroupTemplate,
    Identifier,
    Overlay,
    OverlayFunction,
    OverlayKind,
    Phrase,
    Sensitivity,
)
from lampkeeper.design.knowledge.vocabulary import FAMILIES
from lampkeeper.design.knowledge.yaml_reader import YamlReader
from lampkeeper.model.findings import Finding, has_errors, sort_findings
from lampkeeper.model.labels import LabelClass
from lampkeeper.model.masks import FunctionRole
from lampkeeper.model.schema import TypeFamily, type_family

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,39}\Z")
_SUB = re.compile(r"[a-z][a-z0-9_]{1,39}\Z")
_PHRASE = re.compile(r"[^\W_]+(?: [^\W_]+){0,5}\Z")
_CONTEXTS = frozenset({"person", "health", "pay", "money", "card", "india", "bank_account", "aml", "talk", "readings", "auth"})
_STRENGTHS = ("strong", "medium", "weak")
_OVERLAY_KEYS = ("code", "kind", "name", "regulations", "identifiers", "groups", "patterns")
_IDENTIFIER_KEYS = (
    "name", "country", "class", "subtype", "sensitivity", "names", "strength", "where", "unless", "types", "format", "separators",
    "check", "alone", "known", "masks", "filters", "samples", "counterexamples", "note",
)  # fmt: skip
_GROUP_KEYS = ("name", "description", "access", "clearance")
_PATTERN_KEYS = ("name", "description", "guidance")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayRead:
    """An overlay, or None when a finding is an error."""

    overlay: Overlay | None
    findings: tuple[Finding, ...]


def read_overlay(text: str, location: str, library: Library | None = None) -> OverlayRead:
    """Read an overlay; `library` holds the functions that it may name (None: the built-in ones)."""
    reader = _Reader(location=location, library=library or load_library())
    overlay = reader.read(text)
    findings = sort_findings(reader.findings)
    return OverlayRead(overlay=None if has_errors(findings) else overlay, findings=findings)


@dataclass(slots=True, kw_only=True)
class _Reader(YamlReader):
    library: Library
    code: str = "OVERLAY_FILE"

    def read(self, text: str) -> Overlay | None:
        data = self.document(text, "expected a mapping with code, kind, name and identifiers", "see docs/overlays.md")
        return None if data is None else self._overlay(data)

    def _overlay(self, data: Mapping[str, Any]) -> Overlay | None:
        self._known((), data, _OVERLAY_KEYS)
        kind = self._one_of(("kind",), data.get("kind"), OverlayKind)
        code = self._text(("code",), data.get("code"))
        if code and not _CODE.match(code):
            self._fail(("code",), f"{code!r} is not a code", "letters, digits and _, such as ANZ or retail")
        identifiers = tuple(
            found for path, item in self._items(("identifiers",), data.get("identifiers"), needed=True)
            if (found := self._identifier(path, item)) is not None
        )  # fmt: skip
        templates = (self._group(path, item) for path, item in self._items(("groups",), data.get("groups")))
        patterns = []
        for path, item in self._items(("patterns",), data.get("patterns")):
            self._known(path, item, _PATTERN_KEYS)
            patterns.append(AccessPattern(**{k: self._text((*path, k), item.get(k)) for k in _PATTERN_KEYS}))
        if kind is None:
            return None
        return Overlay(
            code=code, kind=kind, name=self._text(("name",), data.get("name")),
            regulations=self._texts(("regulations",), data.get("regulations")),
            identifiers=identifiers, groups=tuple(t for t in templates if t is not None), patterns=tuple(patterns),
            location=self.location,
        )  # fmt: skip

    def _identifier(self, path: tuple[str | int, ...], item: Mapping[str, Any]) -> Identifier | None:
        self._known(path, item, _IDENTIFIER_KEYS)
        label = self._one_of((*path, "class"), item.get("class"), LabelClass)
        sensitivity = self._one_of((*path, "sensitivity"), item.get("sensitivity"), Sensitivity)
        subtype = self._text((*path, "subtype"), item.get("subtype"))
        if subtype and not _SUB.match(subtype):
            self._fail((*path, "subtype"), f"{subtype!r} is not a valid name", "lower case letters, digits and _, such as tfn")
        if label in (LabelClass.NONE, LabelClass.UNDECIDED):
            self._fail((*path, "class"), f"{label} is not a class of an identifier", "write the class of the values")
        strength = str(item.get("strength", "strong"))
        if strength not in _STRENGTHS:
            self._fail((*path, "strength"), f"unknown strength {strength!r}", f"one of {', '.join(_STRENGTHS)}")
        phrases = self._phrases((*path, "names"), item.get("names"))
        shape = self._format(path, item)
        samples = self._texts((*path, "samples"), item.get("samples"))
        against = self._texts((*path, "counterexamples"), item.get("counterexamples"))
        self._sampled(path, shape, samples, against)
        if shape is not None and not samples:
            self._fail(path, "a format without samples cannot be checked", "add samples: [...] that have the format")
        if not phrases and shape is None:
            self._fail(path, "has neither names nor a format, so it matches nothing", "add names: [...] or format:")
        functions = (*self._functions(path, item, "masks"), *self._functions(path, item, "filters"))
        if label is None or sensitivity is None:
            return None
        if sensitivity is Sensitivity.PUBLIC and functions:
            self._fail((*path, "sensitivity"), "public values need no mask", "remove masks, or say confidential")
        return Identifier(
            name=self._text((*path, "name"), item.get("name")), country=str(item.get("country", "")), label=label,
            subtype=subtype,
            sensitivity=sensitivity, phrases=phrases, strength=strength,
            where=self._contexts((*path, "where"), item.get("where")),
            unless=self._contexts((*path, "unless"), item.get("unless")),
            kinds=self._kinds((*path, "types"), item.get("types")), format=shape,
            alone=bool(item.get("alone", shape is not None and bool(shape.check))), functions=functions, samples=samples,
            known=self._positions((*path, "known"), item.get("known")),
            counterexamples=against, note=str(item.get("note", "")), location=self._at(path),
        )  # fmt: skip

    def _format(self, path: tuple[str | int, ...], item: Mapping[str, Any]) -> Format | None:
        pattern, check = item.get("format", ""), item.get("check", "")
        if not pattern and not check:
            return None
        if not isinstance(pattern, str):
            self._fail((*path, "format"), "expected a text in quotes", "format: '[0-9]{9}'")
            return None
        if problem := pattern_problem(pattern):
            self._fail((*path, "format"), problem, "test it with the samples")
            return None
        found: Check
        if isinstance(check, dict):
            self._known((*path, "check"), check, ("weights", "modulus", "remainder"))
            weights, modulus, rest = check.get("weights"), check.get("modulus"), check.get("remainder", 0)
            numbers = isinstance(weights, list) and all(isinstance(w, int) for w in [*weights, modulus, rest])
            if not numbers:
                self._fail((*path, "check"), "expected whole numbers", "check: {weights: [8, 7, 6], modulus: 11}")
                return None
            found = Weights(weights=tuple(weights or ()), modulus=int(modulus or 0), remainder=int(rest))
        else:
            found = str(check)
        if found and (problem := check_problem(found)):
            self._fail((*path, "check"), problem, "remove check if the scheme has none")
            return None
        return Format(pattern=pattern, check=found, separators=str(item.get("separators", " -./")))

    def _sampled(
        self, path: tuple[str | int, ...], shape: Format | None, samples: tuple[str, ...], against: tuple[str, ...]
    ) -> None:
        if shape is None:
            return
        for index, sample in enumerate(samples):
            if not shape.accepts(sample):
                self._fail((*path, "samples", index), f"{sample!r} does not have the format", "fix the sample, format or check")
        for index, sample in enumerate(against):
            if shape.accepts(sample):
                self._fail((*path, "counterexamples", index), f"{sample!r} has the format", "restrict the format or the check")

    def _functions(self, path: tuple[str | int, ...], item: Mapping[str, Any], key: str) -> tuple[OverlayFunction, ...]:
        given = item.get(key)
        role = FunctionRole.MASK if key == "masks" else FunctionRole.FILTER
        if given is None:
            return ()
        if not isinstance(given, dict):
            self._fail((*path, key), "expected TYPE: function", f"{key}: {{STRING: mask_id_tail}}")
            return ()
        found = []
        for family, name in given.items():
            key_path = (*path, key, str(family))
            function = self.library.functions.get(str(name))
            if str(family) not in {str(f) for f in TypeFamily if f is not TypeFamily.COMPLEX}:
                families = ", ".join(str(f) for f in TypeFamily if f is not TypeFamily.COMPLEX)
                self._fail(key_path, f"unknown type {str(family)!r}", f"one of {families}")
            elif function is None:
                self._fail(key_path, f"no function {str(name)!r} in the library", "see `lampkeeper masks`")
            elif function.function.role is not role:
                self._fail(key_path, f"{name} is a {function.function.role}, not a {role}", "see `lampkeeper masks`")
            elif str(type_family(function.function.parameters[0].type)) != str(family):
                wanted = function.function.parameters[0].type
                self._fail(key_path, f"{name} takes {wanted}, not {family}", "use the function of that type")
            else:
                found.append(OverlayFunction(family=str(family), function=str(name), role=role))
        return tuple(sorted(found))

    def _group(self, path: tuple[str | int, ...], item: Mapping[str, Any]) -> GroupTemplate | None:
        self._known(path, item, _GROUP_KEYS)
        access = self._one_of((*path, "access"), item.get("access"), AccessLevel)
        clearance = self._texts((*path, "clearance"), item.get("clearance"))
        for index, family in enumerate(clearance):
            if family not in FAMILIES:
                self._fail((*path, "clearance", index), f"no tag family {family!r}", f"one of {', '.join(FAMILIES)}")
        if access is AccessLevel.PARTIAL and not clearance:
            self._fail(path, "partial access without a clearance", "add clearance: [pii_level], or write access: masked")
        if access is not None and access is not AccessLevel.PARTIAL and clearance:
            self._fail((*path, "clearance"), f"{access} access has no clearance", "write access: partial, or remove clearance")
        if access is None:
            return None
        name, description = (self._text((*path, k), item.get(k)) for k in ("name", "description"))
        return GroupTemplate(name=name, description=description, access=access, clearance=clearance)

    def _phrases(self, path: tuple[str | int, ...], given: Any) -> tuple[Phrase, ...]:
        by_language = given if isinstance(given, dict) else {"en": given}
        found = []
        for language, phrases in by_language.items():
            here = (*path, str(language)) if isinstance(given, dict) else path
            for index, phrase in enumerate(self._texts(here, phrases)):
                if not _PHRASE.match(phrase):
                    fix = "separate the words of the name by one blank: tax file number"
                    self._fail((*here, index), f"{phrase!r} is not a phrase of words", fix)
                elif len(phrase) < 2:
                    self._fail((*here, index), f"{phrase!r} is too short: it would match in many names", "write it out")
                else:
                    found.append(Phrase(language=str(language), text=phrase))
        return tuple(found)

    def _contexts(self, path: tuple[str | int, ...], given: Any) -> frozenset[str]:
        words = self._texts(path, given)
        for index, word in enumerate(words):
            if word not in _CONTEXTS:
                self._fail((*path, index), f"unknown context {word!r}", f"one of {', '.join(sorted(_CONTEXTS))}")
        return frozenset(words)

    def _kinds(self, path: tuple[str | int, ...], given: Any) -> frozenset[Kind]:
        words = self._texts(path, given)
        known = {str(k) for k in Kind if k is not Kind.ANY}
        for index, word in enumerate(words):
            if word not in known:
                self._fail((*path, index), f"unknown kind of type {word!r}", f"one of {', '.join(sorted(known))}")
        return frozenset(Kind(w) for w in words if w in known) or frozenset({Kind.TEXT, Kind.INT})

    def _positions(self, path: tuple[str | int, ...], given: Any) -> frozenset[int]:
        found = re.fullmatch(r"(\d{1,2})-(\d{1,2})", str(given)) if given is not None else None
        if given is not None and found is None:
            self._fail(path, "expected positions", "known: '0-5', counted from 0 over letters and digits")
        return frozenset(range(int(found.group(1)), int(found.group(2)) + 1)) if found else frozenset()
