"""Makes codec.1 and codec.bash again from the parser of the command line: python make.py."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import codec
from codec import arguments, cli

HERE = Path(__file__).parent
HELP = {"--help", "--helpshort", "--helpfull"}      # every command has them: not worth a line


def made() -> dict[str, str]:
    """Names of files -> what they hold."""
    commands = next(action for action in cli.parser()._actions
                    if isinstance(action, argparse._SubParsersAction)).choices
    return {"codec.1": manual(commands), "codec.bash": completion(commands)}


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not HELP & set(action.option_strings)]


# ---- man page

def manual(commands: dict[str, argparse.ArgumentParser]) -> str:
    lines = [f'.TH CODEC 1 "" "codec {codec.__version__}" "User Commands"',
             ".SH NAME", r"codec \- a learned codec for pictures", ".SH SYNOPSIS"]
    for name, parser in commands.items():
        values = [_names(action) for action in _actions(parser) if not action.option_strings]
        lines += [" ".join([rf"\fBcodec {name}\fR [\fIOPTION\fR]...", *values]), ".br"]
    lines += [r"\fBcodec\fR [\fICOMMAND\fR] \fB\-\-help\fR", ".SH DESCRIPTION",
              "Photographs become .tfci files, which decode to the same symbols on every machine.",
              ".SH COMMANDS"]
    for name, parser in commands.items():
        lines += [f".SS codec {name}", _text(parser.description or "")]
        for action in _actions(parser):
            lines += [".TP", _names(action), _text((action.help or "") % vars(action))]
        if name in cli.EXAMPLES:
            examples = cli.EXAMPLES[name].splitlines()
            lines += [".PP", "Examples:", ".PP", ".nf", *map(_text, examples[1:]), ".fi"]
    lines += [".SH EXIT STATUS", _text(cli.STATUS.partition(": ")[2] + "."), ".SH ENVIRONMENT",
              ".TP", r"\fBCODEC_MODELS\fR",
              "more folders of models, separated as those of PATH are"]
    return "\n".join(lines) + "\n"


def _names(action: argparse.Action) -> str:
    """\\fB\\-q\\fR, \\fB\\-\\-quality\\fR \\fI1..100\\fR"""
    shown = action.metavar or "|".join(action.choices or [action.dest.upper()])
    value = " ".join(rf"\fI{_text(word)}\fR"
                     for word in ([shown] if isinstance(shown, str) else shown))
    if not action.option_strings:
        return {"?": f"[{value}]", "+": f"{value}..."}.get(str(action.nargs), value)
    names = ", ".join(rf"\fB{_text(name)}\fR" for name in action.option_strings)
    return names if action.nargs == 0 else f"{names} {value}"


def _text(text: str) -> str:
    r"""What troff shows as this text: a dot that begins a line would be a request.

    >>> _text(".tfci -o")
    '\\&.tfci \\-o'
    """
    return re.sub(r"^(?=[.'])", r"\\&", text.replace("\\", r"\e").replace("-", r"\-"))


# ---- completion

BASH = """\
# Completion of codec in bash: names of commands, options, their values, else files.
_codec() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} offered= options
    case ${{COMP_WORDS[1]}} in
{options}
    esac
    case $before in
{values}
    esac
    if [ "$COMP_CWORD" = 1 ]; then
        offered="{commands} --help --version"
    elif [ -z "$offered" ] && [ "${{word:0:1}}" = - ]; then
        offered=$options
    fi
    COMPREPLY=($(compgen -W "$offered" -- "$word"))
}}
complete -o bashdefault -o default -F _codec codec
"""


def completion(commands: dict[str, argparse.ArgumentParser]) -> str:
    options, values = [], {}
    for name, parser in commands.items():
        names = [name for action in _actions(parser) for name in action.option_strings]
        options.append(f'        {name}) options="{" ".join(names)} --help" ;;')
        for action in _actions(parser):
            offered = arguments.WRITTEN if action.metavar == ".SUFFIX" else action.choices
            if offered:
                values["|".join(action.option_strings)] = " ".join(offered)
    return BASH.format(commands=" ".join(commands), options="\n".join(options), values="\n".join(
        f'        {names}) offered="{offered}" ;;' for names, offered in values.items()))


if __name__ == "__main__":
    for name, text in made().items():
        (HERE / name).write_text(text)
