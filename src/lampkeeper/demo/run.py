"""The demo's subject: its tables, users and queries, and how they are created in a local workspace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lampkeeper.demo.people import DEMO_GROUPS, PEOPLE, Person, seed_people
from lampkeeper.design.classify.offline import classify
from lampkeeper.design.knowledge.knowledge import compose
from lampkeeper.design.knowledge.overlays import choose_overlays
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.schema_file import SchemaFile, read_schema_file
from lampkeeper.files.settings import Settings, SpaceSettings
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.labels import Label, Protect
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Snapshot, TableKind
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.testdata.banks import BANKS, Bank, bank_tables
from lampkeeper.testdata.catalogs import SCHEMA_COMMENTS, Variant, tables
from lampkeeper.testdata.seed_schema import seed_tables
from lampkeeper.testdata.seeding import Progress, SeedReport, SeedTable, seed
from lampkeeper.text.sql_quoting import quote_identifier

ENV = "dev"
_SHOWN_ROWS = 3
_SHOWN_COLUMNS = 5
_CONTROL_TOKENS = "/_localspace/tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query that every user runs before and after the apply."""

    table: TableName
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result for one user: column names and rows, or the platform's refusal."""

    person: Person
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The content of a demo. `findings` are about the schema file; `questions` is empty until the labels are known."""

    name: str
    tables: tuple[SeedTable, ...]
    space: str
    questions: tuple[Question, ...] = ()
    findings: tuple[Finding, ...] = ()
    country: tuple[str, ...] = ()
    industry: tuple[str, ...] = ()

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return `catalog.schema.*` of every schema."""
        return tuple(
            f"{'.'.join(_part(p) for p in schema)}.*" for schema in sorted({t.table.name.parts[:2] for t in self.tables})
        )


def _part(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else quote_identifier(name)


def bank_subject() -> Subject:
    """Return the subject with the integration test data: a bank and a clinic."""
    return Subject(
        name="bank",
        tables=tables(Variant.DEV),
        space="Finance and Care",
        questions=(
            Question(
                table=TableName("dev_fin", "finance", "customers"),
                sql="SELECT customer_id, first_name, ssn, email, date_of_birth FROM dev_fin.finance.customers"
                " ORDER BY customer_id LIMIT 3",
            ),
            Question(
                table=TableName("dev_fin", "finance", "transactions"),
                sql="SELECT count(*) AS transactions, count_if(aml_flag) AS flagged, max(risk_score) AS top_risk"
                " FROM dev_fin.finance.transactions",
            ),
        ),
    )


def overlay_subject(country: tuple[str, ...], industry: tuple[str, ...]) -> Subject:
    """Return the subject that fits these overlays: the banks of the countries, the clinic for healthcare, else bank and clinic.

    Raise UsageError for a code without an overlay.
    """
    codes = {p.code.casefold() for p in choose_overlays(country, industry)}
    banks = [b for b in BANKS if b.key.casefold() in codes]
    found = [t for b in banks for t in bank_tables(b)]
    questions = [q for b in banks for q in _bank_questions(b)]
    care = [t for t in tables(Variant.DEV) if t.table.name.schema == "clinical"]
    if "healthcare" in codes and not ("financial_services" in codes and banks):
        found, questions = care, [_clinic_question()]
    elif "healthcare" in codes:
        found, questions = [*found, *care], [*questions, _clinic_question()]
    elif not found:
        whole = bank_subject()
        found, questions = list(whole.tables), list(whole.questions)
    space = banks[0].space if len(banks) == 1 and found[0].table.name.schema == "retail" else "Finance and Care"
    return Subject(
        name="-".join(["overlays", *sorted(codes)]), tables=tuple(found), space=space, questions=tuple(questions),
        country=country, industry=industry,
    )  # fmt: skip


def _bank_questions(bank: Bank) -> tuple[Question, ...]:
    name = {t.table.name.table: t.table.name for t in bank_tables(bank)}
    shown = ", ".join(("customer_id", "first_name", *bank.shown))
    people, bookings = name["customers"], name["transactions"]
    return (
        Question(table=people, sql=f"SELECT {shown} FROM {people.sql} ORDER BY customer_id LIMIT {2 * _SHOWN_ROWS}"),  # noqa: S608
        Question(
            table=bookings,
            sql="SELECT count(*) AS transactions, count_if(aml_risk_flag <> 'CLEAR') AS flagged, sum(amount) AS amount"  # noqa: S608
            f" FROM {bookings.sql}",
        ),
    )


def _clinic_question() -> Question:
    table = TableName("dev_clinical", "clinical", "encounters")
    sql = f"SELECT encounter_id, encounter_date, diagnosis_code, attending_doc FROM {table.sql} ORDER BY encounter_id LIMIT 3"  # noqa: S608
    return Question(table=table, sql=sql)


def schema_subject(path: Path, country: tuple[str, ...] = (), industry: tuple[str, ...] = ()) -> Subject:
    """Return the subject with the tables of a schema file, rows made by type and label; UsageError if the file has none."""
    read: SchemaFile = read_schema_file(path)
    if not any(t.columns for t in read.tables):
        raise UsageError(f"{path}: no table with columns", fix="give CREATE TABLE statements, or one JSON object per column")
    labels = classify(read.snapshot(), read.values, compose(choose_overlays(country, industry)))
    return Subject(
        country=country,
        industry=industry,
        name=path.stem.replace(" ", "_"),
        tables=seed_tables(read.tables, labels),
        space=f"{path.stem} questions",
        questions=_questions(read.snapshot(), labels),
        findings=(*_reported(read, path), *read.findings),
    )


def _reported(read: SchemaFile, path: Path) -> tuple[Finding, ...]:
    """Return findings on a script: how many statements were read, and that its views become tables."""
    views = sum(t.kind is not TableKind.TABLE for t in read.tables)
    reported = [str(read.count)] if read.count.statements else []
    reported += [f"{views} views and streaming tables are created as tables with their own rows"] if views else []
    return tuple(Finding(code="SCHEMA_READ", severity=Severity.INFO, location=str(path), message=text) for text in reported)


def _questions(snapshot: Snapshot, labels: Sequence[Label]) -> tuple[Question, ...]:
    """Return a query on the table with the most protected columns: its first column, then some protected ones."""
    protected: dict[TableName, list[str]] = {}
    for label in labels:
        if label.protect is Protect.YES:
            protected.setdefault(label.column.table, []).append(label.column.column)
    if not protected:
        first = snapshot.tables[0]
        return (Question(table=first.name, sql=f"SELECT * FROM {first.name.sql} LIMIT {_SHOWN_ROWS}"),)  # noqa: S608 (quoted)
    name = max(sorted(protected), key=lambda t: len(protected[t]))
    key = snapshot.index[name].columns[0].name
    columns = list(dict.fromkeys([key, *protected[name]]))[:_SHOWN_COLUMNS]
    shown = ", ".join(quote_identifier(c) for c in columns)
    return (
        Question(
            table=name,
            sql=f"SELECT {shown} FROM {name.sql} ORDER BY {quote_identifier(key)} LIMIT {_SHOWN_ROWS}",  # noqa: S608 (quoted)
        ),
    )


def seed_subject(workspace: Workspace, subject: Subject, progress: Progress | None = None) -> tuple[SeedReport, int]:
    """Create missing tables, rows and users; return the report on the tables and the number of writes for the users."""
    comments = {(f"{Variant.DEV}_{stem}", schema): text for (stem, schema), text in SCHEMA_COMMENTS.items()}
    report = seed(workspace, subject.tables, comments=comments, progress=progress)
    return report, seed_people(workspace, [q.table for q in subject.questions])


def write_env(folder: EnvFolder, subject: Subject, address: Address) -> None:
    """Write the environment's settings if they are missing, and the workspace's address, whose port changes at every start."""
    auth = address.signed()
    if not folder.settings_path.exists():
        folder.setup(demo_settings(subject, address), auth)
    folder.write_auth(auth)


def demo_settings(subject: Subject, address: Address) -> Settings:
    """Return the settings of the demo's env.auto.tfvars."""
    space = SpaceSettings(name=subject.space, tables=_space_tables(subject))
    return Settings(
        spaces=(space,),
        uc_tables=subject.patterns,
        groups=DEMO_GROUPS,
        sql_warehouse_id=address.warehouse_id,
        country=subject.country,
        industry=subject.industry,
    )


def _space_tables(subject: Subject, most: int = 25) -> tuple[str, ...]:
    """Return the tables of the Genie space: the first ones, up to the platform's limit."""
    names = [str(t.table.name) for t in subject.tables]
    return tuple(names[:most])


def sign_in_everybody(address: Address) -> tuple[tuple[Person, Workspace], ...]:
    """Return each user with a connection signed in as that user; the local workspace's control API issues the tokens."""
    admin = connect(address.signed(), warehouse_id=address.warehouse_id)
    found = []
    for person in PEOPLE:
        minted = admin.write("token", "POST", _CONTROL_TOKENS, {"principal": person.user})
        auth = Auth(workspace_host=address.host, workspace_id=address.workspace_id, token=str(minted["token"]))
        found.append((person, connect(auth, warehouse_id=address.warehouse_id)))
    return tuple(found)


def ask_everybody(question: Question, everybody: Iterable[tuple[Person, Workspace]]) -> tuple[Answer, ...]:
    """Run the query as each user; a refusal is a result, any other failure is raised."""
    answers = []
    for person, workspace in everybody:
        answer = Answer(person=person)
        try:
            found = run_sql(workspace, question.sql, kind="demo")
        except RemoteError as error:
            if not error.code.startswith("INSUFFICIENT_PERMISSIONS"):
                raise
            answer = replace(answer, refused=error.code)
        else:
            answer = replace(answer, columns=found.columns, rows=found.rows)
        answers.append(answer)
    return tuple(answers)
