"""Data mixing for language-model training: staged mixtures that are exact, elastic and auditable.

    texts -> Domain            tokens on disk, with checksums          build, sources, domain, shards
    Stage, Schedule -> Plan    tokens and epochs, before any is read   stage, schedule, shares, plan
    Plan -> Mixture            sample i -> domain, epoch, position     interleave, ramp, permutation, mixture
    Mixture -> MixtureLoader   batches for any ranks and workers       packing, loader
    Plan -> Branches           continuations of one run                branches
    scores -> Estimate, Worth  what branches and data sets are worth   utility, estimate, worth, holm

The sample at index i is a pure function of (plan, seed, i): a run resumes from one integer, and another end
from any point on leaves everything before it where it was. Knows nothing about models: whoever has a
tokenizer gives `encode`, and whoever trains takes a `fireside.core.protocols.BatchSource`.
"""

from fireside.mixing.branches import Branch, BranchConfig, plan_branches
from fireside.mixing.build import BuildSettings, build_domain
from fireside.mixing.domain import Domain
from fireside.mixing.domain_size import DomainSize
from fireside.mixing.loader import LoaderConfig, MixtureLoader
from fireside.mixing.mixture import Mixture
from fireside.mixing.plan import Plan, make_plan
from fireside.mixing.plan_file import plan_file, plan_table
from fireside.mixing.schedule import Schedule, read_mix_file
from fireside.mixing.sources import open_texts
from fireside.mixing.stage import Stage
from fireside.mixing.upsampling import Upsampling, UpsamplingConfig, prepare_upsampling

__all__ = [
    "Branch",
    "BranchConfig",
    "BuildSettings",
    "Domain",
    "DomainSize",
    "LoaderConfig",
    "Mixture",
    "MixtureLoader",
    "Plan",
    "Schedule",
    "Stage",
    "Upsampling",
    "UpsamplingConfig",
    "build_domain",
    "make_plan",
    "open_texts",
    "plan_branches",
    "plan_file",
    "plan_table",
    "prepare_upsampling",
    "read_mix_file",
]
