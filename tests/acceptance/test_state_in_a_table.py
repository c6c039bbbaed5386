"""Two clones on two machines with the state in a table: the second one continues where the first one ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bank_places import PEOPLE, ROWS, Bank
from support.env_folders import SETTINGS
from support.localspace_server import running_localspace

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]

ALL = ("--layer", "workspace", "--layer", "data_access", "--layer", "account")
TABLE = "main.default.lampkeeper_state"


def clone(bank: Bank, root: Path, more: str = "") -> Bank:
    space, folder = bank.space, root / "envs" / "dev"
    folder.mkdir(parents=True)
    (folder / "env.auto.tfvars").write_text(f'state_table = "{TABLE}"\n{more}{SETTINGS}')
    space.write_sign_in(folder)
    return Bank(space, root)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with running_localspace() as space:
        found = Bank(space, tmp_path_factory.mktemp("bank"))
        found.sql(*ROWS)
        for name in PEOPLE:
            found.account.users_v2.create(user_name=name)
        yield found


def good(place: Bank, *words: str) -> str:
    answer = place.run(*words)
    assert answer.code == 0, f"{words}: {answer.out[-2000:]} {answer.err}"
    return answer.out


@pytest.mark.timeout(900)
def test_the_second_clone_finds_the_state_and_the_first_one_sees_what_it_did(bank: Bank, tmp_path: Path) -> None:
    one, two = clone(bank, tmp_path / "one"), clone(bank, tmp_path / "two")
    good(one, "generate")
    good(one, "apply")
    good(two, "generate")
    (tmp_path / "two/envs/dev/data_access/state.json").unlink(missing_ok=True)
    # Each command that reads the workspace fetches the state first.
    good(two, "audit")
    assert '"not_applied": []' in good(two, "audit", "--json")
    assert (tmp_path / "two/envs/dev/data_access/state.json").is_file()
    assert json.loads(good(two, "plan", "--json"))["changes"] == [], "without the state everything would be taken up again"
    assert json.loads((tmp_path / "two/envs/dev/data_access/state.json").read_text()) == json.loads(
        (tmp_path / "one/envs/dev/data_access/state.json").read_text()
    )
    good(two, "destroy", "--yes", "--allow-widening", *ALL)
    assert json.loads(good(one, "destroy", "--yes", "--json"))["plan"]["changes"] == []
    assert "data_analysts" not in {g.display_name for g in bank.account.groups_v2.list()}
    assert good(one, "clean").splitlines()[-1].endswith("0 objects left in the workspace without a state")
