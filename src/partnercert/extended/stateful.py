"""Seeded walks over the model, each operation followed by a look at every other living connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TypeVar

from partnercert.contract import Operation
from partnercert.extended.check import Check
from partnercert.extended.model import Account, Connection, Model, ModelError
from partnercert.payloads import Person, Workspace
from partnercert.session import Session
from partnercert.verdicts import Judge

_T = TypeVar("_T")
_STEPS = 12
#: Every operation that the partner offers is walked this often at least, or the check warns.
_GOAL = 3
_CALLS = {
    "delete": Operation.DELETE_CONNECTION,
    "expire": Operation.EXPIRE,
    "delete account": Operation.DELETE_ACCOUNT,
    "test": Operation.TEST,
}


class _Walk:
    """One walk: steps at random, those rarer so far preferred."""

    def __init__(self, session: Session, random: Random, done: Counter[str], left_out: set[str]) -> None:
        self._session, self._random, self._done = session, random, done
        self._model = Model(session, random)
        self._left_out = left_out
        self.path: list[str] = []
        self.looks = 0

    def go(self) -> None:
        """Walk; raise ModelError at the first disagreement."""
        for _ in range(_STEPS):
            options = self._options()
            names = sorted(options)
            rare = min(names, key=lambda name: (self._done[name], name))
            name = rare if self._random.random() < 0.5 else self._random.choice(names)
            self._done[name] += 1
            self.path.append(name)
            self._look(at=f"after {name}", without=options[name]())
        for held in self._model.connections:
            self._model.reuse(held, at="at the end")

    def _look(self, *, at: str, without: Connection | None) -> None:
        for held in self._model.connections:
            if held.alive and held is not without:
                self._model.reuse(held, at=at)
                self.looks += 1

    def _options(self) -> dict[str, Callable[[], Connection | None]]:
        model = self._model
        living = [c for c in model.connections if c.alive]
        known = [a for a in model.accounts if a.known]
        options: dict[str, Callable[[], Connection | None]] = {"create": self._create_new}
        if known:
            options["create by a colleague"] = lambda: self._create(self._pick(known), fresh=True)
            options["create by a known user"] = lambda: self._create(self._pick(known), fresh=False)
        if living:
            options["create again"] = lambda: self._create_again(self._pick(living))
        if model.connections:
            options["delete"] = lambda: self._on(model.delete, self._pick(model.connections))
            options["test"] = lambda: self._on(model.test, self._pick(model.connections))
        owned = [c for c in living if c.owner.email in c.account.known]
        if owned:
            options["expire"] = lambda: self._on(model.expire, self._pick(owned))
        if known:
            options["delete account"] = lambda: model.delete_account(self._pick(known))
        if self._session.config.supports_demo:
            options["demo"] = lambda: self._demo(known, living)
        return {name: step for name, step in options.items() if name not in self._left_out}

    def _pick(self, things: list[_T]) -> _T:
        return self._random.choice(things)

    def _on(self, step: Callable[[Connection], None], held: Connection) -> Connection:
        step(held)
        return held

    def _create_new(self) -> Connection | None:
        account = Account(domain=self._session.identities.test_domain())
        self._model.accounts.append(account)
        return self._create(account, fresh=True)

    def _person(self, account: Account, *, fresh: bool) -> Person:
        known = [p for p in account.people if p.email in account.known]
        if fresh or not known:
            account.people.append(self._session.identities.person(account.domain))
            return account.people[-1]
        return self._pick(known)

    def _create(self, account: Account, *, fresh: bool, workspace: Workspace | None = None) -> Connection | None:
        where = workspace or self._session.identities.workspace()
        return self._model.create(account=account, person=self._person(account, fresh=fresh), workspace=where)

    def _create_again(self, held: Connection) -> Connection | None:
        return self._model.create(account=held.account, person=held.owner, workspace=held.workspace)

    def _demo(self, known: list[Account], living: list[Connection]) -> Connection | None:
        if living and self._random.random() < 0.3:
            held = self._pick(living)
            return self._model.create(account=held.account, person=held.owner, workspace=held.workspace, demo=True)
        if not known:
            self._model.accounts.append(Account(domain=self._session.identities.test_domain()))
        account = self._pick(known) if known else self._model.accounts[-1]
        person = self._person(account, fresh=self._random.random() < 0.5)
        where = self._session.identities.workspace()
        return self._model.create(account=account, person=person, workspace=where, demo=True)


def _forgets(session: Session) -> bool:
    """Tell whether deleting a connection loses its user, which is WARN in P401 and leaves the model nothing to say."""
    person, workspace = session.identities.person(), session.identities.workspace()
    session.delete(session.connected(person, workspace), workspace)
    return session.create(person, workspace).fields().get("user_status") == "new"


def run_state(session: Session, judge: Judge, examples: int) -> None:
    """Walk the model until every operation was covered; the first disagreement is the failure."""
    left_out = {name for name, operation in _CALLS.items() if not session.offers(operation)}
    if "delete" not in left_out and _forgets(session):
        judge.note("walks", "deletions are left out: deleting a connection loses its user (see P401)")
        left_out.add("delete")
    done: Counter[str] = Counter()
    least, looks, walks = max(1, examples // 2), 0, 0
    wanted = {"create", "create by a colleague", "create by a known user", "create again", *_CALLS} - left_out
    wanted |= {"demo"} if session.config.supports_demo else set()
    while walks < least or (walks < 4 * least and min(done[name] for name in wanted) < _GOAL):
        walks += 1
        walk = _Walk(session, Random(f"{session.identities.seed} {walks}"), done, left_out)  # noqa: S311 - replayable
        try:
            walk.go()
        except ModelError as error:
            last = session.client.exchanges[-1].number
            judge.fail("model", f"{error} (exchange {last}; walk: {', '.join(walk.path)})")
            break
        looks += walk.looks
    covered = ", ".join(f"{name} {done[name]}" for name in sorted(wanted))
    judge.note("walks", f"{walks} walks of {_STEPS} steps, {looks} looks at other connections: {covered}")
    missed = sorted(name for name in wanted if done[name] < _GOAL)
    if missed and not judge.failed:
        judge.warn("coverage", f"walked fewer than {_GOAL} times: {', '.join(missed)}; raise --fuzz")


def _gate(session: Session, examples: int) -> str:
    if session.config.certification.apex_test_domain_only:
        return "the hooks take the apex test domain only, which other runs share"
    return "" if examples else "fuzzing is off (--fuzz N turns it on; the default on loopback is 25)"


STATEFUL = (Check(id="STATE", title="Seeded walks of creates, reuses, deletions, trials and demos", run=run_state, gate=_gate),)
