"""Wishes to steps: parameters within their ranges, duplicates merged, conflicts refused, stages in order.

Knows the operators' descriptions and no language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from refilm.engines.effects.language.lexicon import Ingredient, Lexicon, Look
from refilm.engines.effects.language.wish import Wish
from refilm.engines.effects.operator import OperatorSpec
from refilm.engines.effects.plan import STAGES, RefusedClause, Step, Value
from refilm.engines.effects.spans import covers, overlap

#: The parameter that a word of strength moves, by the name that an operator gives it.
_MAIN = ("strength", "amount", "density", "block")

Specs = Mapping[str, OperatorSpec]


@dataclass(frozen=True)
class _Candidate:
    """A step that may yet lose against another.

    part: it is only one ingredient of a look that was asked for.  stated: told of the clip rather than asked of us.
    """

    step: Step
    part: bool
    stated: bool = False


@dataclass(frozen=True)
class Settled:
    """The steps in working order, and the wishes that could not be had beside others."""

    steps: tuple[Step, ...]
    refused: tuple[RefusedClause, ...]


def settle(wishes: Sequence[Wish], lexicon: Lexicon, specs: Specs) -> Settled:
    """The plan that satisfies `wishes`, given in reading order.

    Of two contradicting wishes the earlier stays and the later is refused; an ingredient of a composed look gives way
    to a wish of its own without a word.
    """
    kept: list[_Candidate] = []
    refused: list[RefusedClause] = []
    for candidate in sorted(_candidates(wishes, lexicon, specs), key=lambda each: each.part):
        reason = _not_for_a_while(candidate.step, lexicon, specs) or _place(candidate, kept, lexicon, specs)
        if reason and not candidate.part:
            refused.append(RefusedClause(candidate.step.clause, reason))
    steps = _subsume([candidate.step for candidate in kept], specs)
    return Settled(tuple(sorted(steps, key=lambda step: _working_order(step, lexicon, specs))), tuple(refused))


def _not_for_a_while(step: Step, lexicon: Lexicon, specs: Specs) -> str:
    """Why a step cannot be had for a part of the clip's time, "" where it can."""
    return lexicon.topics["whole_clip"] if step.span is not None and not specs[step.operator].spans else ""


def _candidates(wishes: Sequence[Wish], lexicon: Lexicon, specs: Specs) -> list[_Candidate]:
    candidates = []
    for wish in _unabsorbed(wishes, lexicon):
        look = Look("", wish.ingredients) if wish.ingredients else lexicon.looks[wish.look]
        if wish.less:
            look = lexicon.looks[look.less]
        note = "; ".join(part for part in (look.note, wish.note) if part)
        for ingredient in look.steps:
            parameters = _parameters(ingredient, wish, specs[ingredient.operator]) | wish.parameters
            # "Reverse, and sepia from 2 s to 4 s": the clip has one course, so the time is of the sepia alone.
            whole = wish.lent and not specs[ingredient.operator].spans
            step = Step(ingredient.operator, parameters, wish.clause, note, None if whole else wish.span)
            candidates.append(_Candidate(step, len(look.steps) > 1, wish.stated))
    return candidates


def _unabsorbed(wishes: Sequence[Wish], lexicon: Lexicon) -> list[Wish]:
    """The wishes without those that another only says more exactly: "rain, just a drizzle"."""
    if len({wish.look for wish in wishes}) < 2:
        return list(wishes)
    plain: dict[object, set[str]] = {}
    for wish in wishes:
        if not (wish.ingredients or wish.less):
            plain.setdefault(wish.span, set()).add(wish.look)

    def is_refined(name: str, others: set[str]) -> bool:
        operators = {step.operator for step in lexicon.looks[name].steps}
        finer = (lexicon.looks[other] for other in others if name in lexicon.looks[other].absorbs)
        return any({step.operator for step in look.steps} == operators for look in finer)

    refined = {(span, look) for span, looks in plain.items() for look in looks if is_refined(look, looks)}
    if not refined:
        return list(wishes)
    return [wish for wish in wishes if wish.ingredients or wish.less or (wish.span, wish.look) not in refined]


def _main(spec: OperatorSpec) -> str:
    """The parameter of an operator that a word of strength moves, "" where it has none."""
    return next((name for name in _MAIN if name in spec.parameters), "")


def _parameters(ingredient: Ingredient, wish: Wish, spec: OperatorSpec) -> dict[str, Value]:
    """What the wish sets; what it leaves to the operator's defaults is left out."""
    parameters: dict[str, Value] = dict(ingredient.parameters)
    name = _main(spec)
    if not name:
        return parameters
    parameter = spec.parameters[name]
    usual, low, high = float(parameter.default), parameter.low or 0.0, parameter.high or 0.0
    value = usual * ingredient.scale
    if wish.amount is not None and low < 0:
        value = wish.amount if value > 0 else -wish.amount
    else:
        value *= next((factor for factor in (wish.amount, wish.factor) if factor is not None), 1.0)
    if value != usual:
        parameters[name] = round(min(high, max(low, value)), 4)
    return parameters


def _place(candidate: _Candidate, kept: list[_Candidate], lexicon: Lexicon, specs: Specs) -> str:
    """Put the candidate beside those kept, or say why it cannot be."""
    for position, other in enumerate(kept):
        if _apart(candidate.step, other.step, lexicon, specs) or not overlap(candidate.step.span, other.step.span):
            continue
        same = candidate.step.operator == other.step.operator
        if same and candidate.part and not other.part:
            return "asked for by name already"
        if candidate.step.span == other.step.span and same and _agree(candidate.step, other.step, specs):
            kept[position] = _Candidate(_merge(other.step, candidate.step, specs), other.part and candidate.part)
            return ""
        reason = _clash(candidate.step, other.step, lexicon)
        if reason and other.stated and not candidate.stated:
            # "The clip is dark, brighten it": what was told is what should change.
            del kept[position]
            return _place(candidate, kept, lexicon, specs)
        if reason:
            return reason
    kept.append(candidate)
    return ""


def _apart(new: Step, old: Step, lexicon: Lexicon, specs: Specs) -> bool:
    """Whether two steps of one operator stand beside each other: texts at the top and at the bottom."""
    name = lexicon.several.get(new.operator, "")
    if new.operator != old.operator or not name:
        return False
    usual = specs[new.operator].parameters[name].default
    return new.parameters.get(name, usual) != old.parameters.get(name, usual)


def _clash(new: Step, old: Step, lexicon: Lexicon) -> str:
    """Why two steps cannot stand side by side, "" where they can."""
    if new.operator == old.operator:
        return f"it contradicts “{old.clause}”, which was asked for before; only one of them can be done"
    if any({new.operator, old.operator} <= group for group in lexicon.exclusive):
        return f"it cannot be had together with “{old.clause}”; ask for one of them"
    return f"nothing of it would be left beside “{old.clause}”" if _undone(new, old, lexicon) else ""


def _agree(new: Step, old: Step, specs: Specs) -> bool:
    """Whether two steps of one operator can be one: nothing set to two values, and the same direction."""
    main = _main(specs[new.operator])
    if any(
        name != main and old.parameters[name] != new.parameters[name]
        for name in new.parameters.keys() & old.parameters.keys()
    ):
        return False
    if not main:
        return True
    usual = specs[new.operator].parameters[main].default
    return float(new.parameters.get(main, usual)) * float(old.parameters.get(main, usual)) >= 0


def _merge(old: Step, new: Step, specs: Specs) -> Step:
    """The same wish said twice: the stronger one, with both clauses."""
    main = _main(specs[new.operator])
    said = [step.parameters[main] for step in (old, new) if main in step.parameters]
    parameters = {**old.parameters, **new.parameters}
    if said:
        parameters[main] = max(said, key=lambda value: abs(float(value)))
    clause = old.clause if new.clause in old.clause else f"{old.clause}; {new.clause}"
    note = old.note if new.note in old.note else "; ".join(part for part in (old.note, new.note) if part)
    return replace(old, parameters=parameters, clause=clause, note=note)


def _undone(new: Step, old: Step, lexicon: Lexicon) -> bool:
    """Whether one of the two leaves nothing of the other's work: more saturation of a picture without colours."""
    for owner, lost in ((new, old), (old, new)):
        less = float(lost.parameters.get("amount", 1.0)) < 0
        if lost.operator in lexicon.undoes.get(owner.operator, ()) and not less:
            return True
    return False


def _subsume(steps: Sequence[Step], specs: Specs) -> list[Step]:
    """Leave out what another step contains already, and say so there. A strength said of it goes to its owner."""
    kept = []
    for step in steps:
        if any(_contains(other, step, specs) for other in steps):
            continue
        main = _main(specs[step.operator])
        parameters, notes = dict(step.parameters), [step.note]
        for other in (other for other in steps if _contains(step, other, specs)):
            if main == _main(specs[other.operator]) and main in other.parameters:
                parameters.setdefault(main, _within(specs[step.operator], main, other.parameters[main]))
            if other.clause != step.clause:
                notes.append(f"contains “{other.clause}”")
        kept.append(replace(step, parameters=parameters, note="; ".join(filter(None, notes))))
    return kept


def _contains(owner: Step, step: Step, specs: Specs) -> bool:
    return step.operator in specs[owner.operator].subsumes and covers(owner.span, step.span)


def _within(spec: OperatorSpec, name: str, value: Value) -> Value:
    parameter = spec.parameters[name]
    return value if parameter.accepts(value) else parameter.default


def _working_order(step: Step, lexicon: Lexicon, specs: Specs) -> tuple[int, int]:
    stage = STAGES.index(specs[step.operator].stage)
    return stage, lexicon.order.index(step.operator) if step.operator in lexicon.order else len(lexicon.order)
