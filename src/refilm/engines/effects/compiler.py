"""The prompt compiler: words to a plan. Every clause becomes steps, or is refused with a sentence.

It never guesses half: a clause is refused unless every word of it is accounted for. Words and looks are data
(`lexicon/`), the reading of them is in `language/`. It sees no clip, and reads nothing but the prompt: same prompt,
same plan. Its work grows in step with the prompt's length; any text at all returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from refilm.engines.effects import spans
from refilm.engines.effects.language import interpreted, remarks, shares, tempo, times, whole
from refilm.engines.effects.language.inscription import set_apart
from refilm.engines.effects.language.interpreted import Interpretation, Unread
from refilm.engines.effects.language.lexicon import lexicon
from refilm.engines.effects.language.reader import read
from refilm.engines.effects.language.reference import REFERENCE
from refilm.engines.effects.language.settle import Specs, settle
from refilm.engines.effects.language.text import clean, tokenize
from refilm.engines.effects.language.wish import Reading, Wish
from refilm.engines.effects.operator import OperatorSpec
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan, RefusedClause, Step

#: Operators of the grade that leave every hue as it is, so that the colours are kept beside them.
_COLOURLESS = frozenset({"brightness", "contrast"})


def compile_prompt(prompt: str, *, references: int = 0, interpretations: Iterable[Interpretation] = ()) -> Plan:
    """The plan that `prompt` asks for.

    prompt: any text, in English, Vietnamese, Chinese or Spanish where it is to be understood.  references: how many
    reference pictures came with it. Steps are in working order, and set only what the prompt sets. A prompt of no words
    asks for nothing, or for the colours of the reference where there is one.  interpretations: what somebody else takes
    unread clauses to mean; no other clause is changed by them. Never raises.
    """
    words = lexicon()
    text = clean(prompt)
    readings = _readings(text, references)
    if readings is None:
        return _unspoken(references)
    given = tuple(interpretations)
    plan = _by_clauses(interpreted.interpret(readings, text, given, words), text)
    if not plan.refused:
        return plan
    meant = whole.meant(readings, plan, text, given, references)
    return plan if meant is None else Plan(settle([meant], words, _specs()).steps)


def unread_of(prompt: str, *, references: int = 0) -> tuple[Unread, ...]:
    """The clauses of a prompt that an interpreter may be asked about: refused, and by no rule. As `compile_prompt`."""
    text = clean(prompt)
    return interpreted.unread(_readings(text, references) or (), text)


def gist_asked_of(prompt: str, *, references: int = 0) -> tuple[Unread, ...]:
    """All of a prompt as a question, where something of it is refused and rules leave its gist open."""
    text = clean(prompt)
    readings = _readings(text, references) or ()
    plan = _by_clauses(readings, text)
    return whole.unread(readings, plan, text) if readings and plan.refused else ()


def explain(plan: Plan) -> list[str]:
    """One sentence for each step and for each refused clause."""
    sentences = [_explain_step(step) for step in plan.steps]
    return sentences + [f"“{clause.text}” cannot be done: {clause.reason}." for clause in plan.refused]


def _readings(text: str, references: int) -> tuple[Reading, ...] | None:
    """What each clause asks for, None where there are no words.  text: cleaned."""
    tokens = tempo.set_apart(times.set_apart(set_apart(tokenize(text), text), text), text)
    tokens = shares.set_apart(tokens, text)
    if all(token.kind == "mark" for token in tokens):
        return None
    return remarks.settled(read(tokens, text, lexicon(), references=references), asking=True)


def _by_clauses(readings: tuple[Reading, ...], text: str) -> Plan:
    """The plan of what each clause asks for."""
    words = lexicon()
    readings = remarks.settled(readings)
    settled = settle([wish for reading in readings for wish in reading.wishes], words, _specs())
    refused = [RefusedClause(each.clause.text, each.reason) for each in readings if each.reason]
    refused += settled.refused
    refused += _broken_promises(readings, settled.steps)
    if not settled.steps and not refused:
        refused = [RefusedClause(text.strip(), words.topics["no_look"])]
    return Plan(_annotate(settled.steps, readings), tuple(refused))


def _specs() -> Specs:
    return {name: operator.spec for name, operator in OPERATORS.items()}


def _unspoken(references: int) -> Plan:
    if references < 1:
        return Plan(())
    wish = Wish(REFERENCE, "", note="no words came with the reference picture, so its colours are taken")
    return Plan(settle([wish], lexicon(), _specs()).steps)


def _broken_promises(readings: Sequence[Reading], steps: Sequence[Step]) -> list[RefusedClause]:
    """Clauses that want the colours or the light kept, beside steps that change them."""
    specs = _specs()
    stages = {"colours": ("grade", "light"), "light": ("light",)}
    refused = []
    for reading in readings:
        then = [step for step in steps if any(spans.overlap(step.span, span) for span in reading.spans)]
        if reading.constraint and then:
            reason = lexicon().topics["keep_time"].format(clause=then[0].clause)
            refused.append(RefusedClause(reading.clause.text, reason))
            continue
        changing = [
            step
            for step in steps
            if specs[step.operator].stage in stages.get(reading.keeps, ())
            and not (reading.keeps == "colours" and step.operator in _COLOURLESS)
        ]
        if changing:
            reason = lexicon().topics[f"keep_{reading.keeps}"].format(clause=changing[0].clause)
            refused.append(RefusedClause(reading.clause.text, reason))
    return refused


def _annotate(steps: tuple[Step, ...], readings: Sequence[Reading]) -> tuple[Step, ...]:
    """The steps, the last one carrying the notes of clauses that asked for nothing."""
    notes = [reading.note for reading in readings if reading.note]
    if not steps or not notes:
        return steps
    note = "; ".join(filter(None, [steps[-1].note, *notes]))
    return (*steps[:-1], replace(steps[-1], note=note))


def _explain_step(step: Step) -> str:
    spec: OperatorSpec = OPERATORS[step.operator].spec
    told = ", ".join(f"{name} {value}" for name, value in step.parameters.items())
    asked = f"“{step.clause}”: " if step.clause else ""
    when = f", {spans.told(step.span)}" if step.span else ""
    return f"{asked}{spec.title}{f' ({told})' if told else ''}{when}{f'; {step.note}' if step.note else ''}."
