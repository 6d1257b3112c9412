"""Engines turn one clip into another. The protocol is in `base`, the choice by model name in `registry`."""
