"""Looks at an operator's setup before anything is proven or paid for."""

from coprove.doctor.examine import examine
from coprove.doctor.findings import Finding, Level
from coprove.doctor.operator import examine_operator

__all__ = ["Finding", "Level", "examine", "examine_operator"]
