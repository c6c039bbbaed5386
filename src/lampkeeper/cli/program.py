"""The program `lampkeeper`: its commands in groups; a command's module is imported when the command is called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from lampkeeper.model.known_names import require_known


class Listed(NamedTuple):
    """One line of `lampkeeper --help`: a command, its module in `lampkeeper.cli`, a summary of at most 56 characters."""

    name: str
    module: str
    summary: str


GROUPS: Mapping[str, tuple[Listed, ...]] = {
    "Author": (
        Listed("setup", "scaffolding", "Create an environment's folder with example files."),
        Listed("init", "scaffolding", "Ask for an environment's settings and write them."),
        Listed("snapshot", "generate", "Read tables, grants and spaces of the workspace."),
        Listed("profile", "generate", "Count value formats per column; no value leaves."),
        Listed("classify", "generate", "Label columns of a file or stdin, without a workspace."),
        Listed("generate", "generate", "Label columns and write the draft."),
        Listed("generate-delta", "delta", "Change the draft only where the schema has drifted."),
        Listed("validate", "generate", "Check the draft or the layer files."),
        Listed("labels", "labels", "Review labels and record decisions."),
        Listed("overlays", "overlays", "List and check country and industry overlays."),
        Listed("masks", "masks", "List and check masks and row filters."),
        Listed("taxonomy", "taxonomy", "Check the mapping of existing governed tags."),
        Listed("fix", "fixing", "Fix the syntax and structure of a draft."),
        Listed("history", "fixing", "List earlier drafts."),
        Listed("restore", "fixing", "Restore an earlier draft."),
    ),
    "Review": (
        Listed("matrix", "check", "Show who sees which column raw, masked or not at all."),
        Listed("why", "check", "Explain one person's access to one column."),
        Listed("diff", "check", "Compare access between two environments or states."),
        Listed("report", "audit", "Write the HTML report of an environment."),
        Listed("approve", "approve", "Approve a proposed plan."),
    ),
    "Deploy": (
        Listed("promote", "promote", "Split the draft into layers, or carry it to another env."),
        Listed("plan", "deploy", "Show what apply would change, and for whom."),
        Listed("apply", "deploy", "Apply the layers; an interrupted apply resumes."),
        Listed("pilot", "pilot", "Bind the policies to one group first, then to everybody."),
        Listed("rollback", "rollback", "Restore the files of an earlier apply, and plan them."),
        Listed("adopt", "adopt", "Record existing objects as managed; change none."),
        Listed("destroy", "deploy", "Remove what lampkeeper created in an environment."),
        Listed("clean", "cleaning", "Remove draft, snapshot and state; ask before orphans."),
    ),
    "Prove": (
        Listed("verify", "deploy", "Prove by queries, per principal, that masking holds."),
        Listed("audit", "audit", "Find sensitive columns without protection."),
        Listed("conform", "conform", "Test the platform rules that enforcement relies on."),
    ),
    "Operate": (
        Listed("demo", "demo", "Run the whole job on the local workspace."),
        Listed("scenarios", "scenarios", "Run the playbook's scenarios from start to end."),
        Listed("seed", "seed", "Create tables with invented rows on a local workspace."),
        Listed("testdata", "testdata", "Create, verify and drop the data of the scenarios."),
        Listed("demo-bundle", "launch", "Run the bundle on the local workspace."),
        Listed("launch", "launch", "Deploy the bundle and run a job."),
        Listed("deployed", "deployed", "Show the deployed bundle's volumes, schema and jobs."),
        Listed("outcome", "approve", "Print the result of a job run."),
        Listed("make-history", "approve", "Create the history tables of the jobs."),
        Listed("status", "shell", "Show what each environment holds."),
        Listed("completion", "shell", "Print the completion script of a shell."),
    ),
}
"""Every command, in the order of `lampkeeper --help`."""

_BY_NAME: Mapping[str, Listed] = {command.name: command for group in GROUPS.values() for command in group}


class CommandGroup(click.Group):
    """A group of commands that answers an unknown name with the nearest ones."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; raise UsageError if the name is unknown."""
        if args and not args[0].startswith("-") and not ctx.resilient_parsing:
            require_known("command", args[0], self.list_commands(ctx), fix=f"{ctx.command_path} --help")
        return super().resolve_command(ctx, args)


class Program(CommandGroup):
    """A group that lists its commands by name and imports a command's module on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name, sorted."""
        return sorted(_BY_NAME)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, None if the name is unknown."""
        listed = _BY_NAME.get(cmd_name)
        if listed is None:
            return None
        module = importlib.import_module(f"lampkeeper.cli.{listed.module}")
        commands: tuple[click.Command, ...] = module.COMMANDS
        return next(command for command in commands if command.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in groups, without importing them."""
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(command.name, command.summary) for command in commands])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the listing; options are completed by click."""
        if incomplete[:1] == "-":
            return super().shell_complete(ctx, incomplete)
        fitting = (_BY_NAME[name] for name in sorted(_BY_NAME) if name.startswith(incomplete))
        return [CompletionItem(command.name, help=command.summary) for command in fitting]


@click.command(cls=Program, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="lampkeeper")
def program() -> None:
    """Put a Databricks Genie space on governed data, and prove by queries that the masking holds."""


def every_command() -> dict[str, click.Command]:
    """Import and return all commands by name."""
    context = click.Context(program)
    commands = {name: program.get_command(context, name) for name in program.list_commands(context)}
    return {name: command for name, command in commands.items() if command is not None}
