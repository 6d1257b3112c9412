"""Interpreters: what a clause may mean whose words the lexicon does not know. Off unless the operator sets one.

They are asked only about clauses that the compiler calls unread: what a rule of grammar refuses stays refused. Their
answers are `interpretation.Interpretation`s, checked against the registry like any other input.
"""
