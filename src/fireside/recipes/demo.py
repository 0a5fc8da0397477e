"""The main job: real documents to an answered, scored and improved agent, and a report of it.

    documents -> chunks -> index -> questions -> a small model, mixed two ways
              -> base agent -> rollouts -> OAPL -> trained agent -> in parallel -> report

Every stage is kept as it ends, so an interrupted run goes on where it stopped. No number is staged: where the
update or the mixture does not help, the report says so.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console

from fireside.agents.corpus import Document
from fireside.agents.index import MiniLm, build_index, open_index
from fireside.agents.question import Question, read_questions, write_questions
from fireside.agents.synthesis import SynthesisConfig, document_questions, factbook_questions
from fireside.agents.training.oapl import OAPLConfig
from fireside.core.atomic import writing_file
from fireside.core.config import config
from fireside.core.errors import ConfigError, DocumentsError
from fireside.core.protocols import TokenSampler
from fireside.core.seeding import RandomStreams
from fireside.lm.learner import LearnerConfig
from fireside.recipes.demo_results import demo_results, question_kinds
from fireside.recipes.endpoint import open_endpoint
from fireside.recipes.local_agent import MODEL_NAME, LocalAgent
from fireside.recipes.near_duplicates import SIMILARITY
from fireside.recipes.prepare_documents import prepare_chunks, read_documents
from fireside.recipes.pretrain import PretrainConfig, held_out_every, pretrain, shares_that_fit
from fireside.recipes.report import write_report
from fireside.recipes.run import Run, latest_unfinished, new_run_id
from fireside.recipes.text_domains import python_code, python_reference
from fireside.recipes.train_agent import (
    AgentTraining,
    agent_report,
    collect_groups,
    evaluate_agent,
    train_policy,
)

__all__ = ["DemoConfig", "run_demo"]

BASE_SHARES = {"documents": 0.1, "reference": 0.1, "code": 0.8}
UPSAMPLED_SHARES = {"documents": 0.4, "reference": 0.2, "code": 0.4}
SEARCH_DEPTH = 10
"""How many chunks of a search count when the index is measured on the questions."""
PARALLEL = 3


@config
class DemoConfig:
    """What is asked of a demonstration.

    Attributes:
        docs: a folder of documents; the World Factbook if `None`.
        minutes: what it may take on two cores; sizes are in proportion.
        seed: of everything that is drawn.
        judge_endpoint: an OpenAI-compatible address that judges in place of exact matching.
        judge_model: the model's name there.
    """

    docs: Path | None = None
    minutes: float = 12.0
    seed: int = 17
    judge_endpoint: str | None = None
    judge_model: str | None = None

    def __post_init__(self) -> None:
        if not 2.0 <= self.minutes <= 600.0:
            raise ConfigError(f"minutes must be from 2 to 600, got {self.minutes}")
        if self.seed < 0:
            raise ConfigError(f"seed must be at least 0, got {self.seed}")

    def sized(self, at_twelve: int, *, least: int) -> int:
        """A size that was chosen for twelve minutes, in proportion to the minutes given."""
        return max(least, round(at_twelve * self.minutes / 12))


def run_demo(
    settings: DemoConfig, *, runs: Path, fresh: bool = False, console: Console | None = None
) -> tuple[dict[str, Any], Path]:
    """Do everything; returns the results and the path of the page.

    Args:
        settings: what is asked.
        runs: where runs are kept.
        fresh: begin anew even where a run with these settings was interrupted.
        console: where progress is told.
    """
    docs = None if settings.docs is None else str(settings.docs.resolve())
    asked = {"docs": docs, "minutes": settings.minutes, "seed": settings.seed}
    judge = open_endpoint(settings.judge_endpoint, settings.judge_model)
    if judge is not None:
        asked["judge"] = f"{settings.judge_model} at {settings.judge_endpoint}"
    found = None if fresh else latest_unfinished(runs, "demo", asked, last_stage="report")
    run = Run(found or runs / new_run_id("demo"), asked, console=console)
    try:
        return Demo(run, settings, judge).run_all()
    finally:
        run.close()


@dataclass
class Demo:
    """The stages, in order, with what they share."""

    run: Run
    settings: DemoConfig
    judge: TokenSampler | None = None

    def run_all(self) -> tuple[dict[str, Any], Path]:
        """The main path."""
        stage = self.run.stage
        documents = stage("documents", self.prepare, title="Read, clean and sort the documents")
        questions = stage("questions", self.ask, title="Make questions with exact answers")
        index = stage("index", self.index, title="Index the chunks, and measure the searches")
        pretraining = stage("pretrain", self.pretrain, title="Train a small model on two mixtures")
        agent = {
            "base": stage("base", lambda: self.evaluate("base"), title="Score the base agent"),
            "collect": stage("collect", self.collect, title="Collect rollouts"),
            "train": stage("train", self.train, title="Improve the policy by OAPL"),
            "trained": stage("trained", lambda: self.evaluate("trained"), title="Score the trained agent"),
            "parallel": stage(
                "parallel",
                lambda: self.evaluate("parallel", parallel=PARALLEL),
                title=f"Score {PARALLEL} rollouts in parallel",
            ),
        }
        told = agent_report(agent, self.training, MODEL_NAME, seed=self.settings.seed)
        results = demo_results(
            self.run,
            seed=self.settings.seed,
            documents=documents,
            questions=questions,
            index=index,
            pretraining=pretraining,
            agent=told,
        )
        page = write_report(results, self.run.directory)
        stage("report", lambda: {"page": page.name}, title="Write the report")
        return results, page

    # Documents, questions, index

    def prepare(self) -> dict[str, Any]:
        """Read documents, cut them, drop near-duplicates, find domains."""
        documents, unreadable = read_documents(self.settings.docs)
        prepared = prepare_chunks(documents, seed=self.streams.integer("prepare"))
        write_chunks(self.chunks_file, prepared.chunks)
        return {
            "source": str(self.settings.docs) if self.settings.docs else "The CIA World Factbook",
            "num_documents": len(documents),
            "num_characters": sum(len(document.text) for document in documents),
            "num_chunks_before": prepared.num_before,
            "num_duplicates": prepared.num_duplicates,
            "num_chunks": prepared.chunks.num_rows,
            "similarity": SIMILARITY,
            "clusters": [{"name": one.name, "chunks": one.size} for one in prepared.clusters],
            "unreadable": [{"path": one.path, "reason": one.reason} for one in unreadable],
        }

    def ask(self) -> dict[str, Any]:
        """Make questions, split by document."""
        documents = self.documents
        make = document_questions if self.settings.docs else factbook_questions
        questions = make(documents, SynthesisConfig(seed=self.streams.integer("questions") % 2**32))
        write_questions(self.questions_file, questions)
        return {"total": len(questions), "kinds": question_kinds(questions)}

    def index(self) -> dict[str, Any]:
        """Embed and index the chunks; then see what searches find."""
        build_index(read_chunks(self.chunks_file), self.index_directory)
        retriever = open_index(self.index_directory)
        questions = self.questions
        found = retriever.search_many([question.text for question in questions], SEARCH_DEPTH)
        hits = [
            len({passage.document_id for passage in passages} & set(question.document_ids))
            / len(question.document_ids)
            for question, passages in zip(questions, found, strict=True)
        ]
        size = sum(file.stat().st_size for file in self.index_directory.rglob("*") if file.is_file())
        return {
            "model": "all-MiniLM-L6-v2 (int8)",
            "dimension": MiniLm().dimensions,
            "chunks": len(retriever),
            "megabytes": size / 1e6,
            "k": SEARCH_DEPTH,
            "recall": sum(hits) / len(hits),
        }

    # The small model

    def pretrain(self) -> dict[str, Any]:
        """Three domains, one model, two mixtures."""
        chunks = read_chunks(self.chunks_file)
        texts = {
            "documents": chunks["text"].to_pylist(),
            "reference": python_reference(),
            "code": python_code(),
        }
        num_steps = self.settings.sized(180, least=20)
        sizes = {domain: sum(map(len, parts)) for domain, parts in texts.items()}
        tokens = num_steps * 16 * 256
        every = held_out_every(sizes, 256)
        trained_on = {domain: size - size // every for domain, size in sizes.items()}
        base, upsampled = (
            shares_that_fit(shares, trained_on, tokens=tokens, epochs=4.0)
            for shares in (BASE_SHARES, UPSAMPLED_SHARES)
        )
        plan = PretrainConfig(
            num_steps=num_steps,
            base_shares=base,
            upsampled_shares=upsampled,
            held_out_every=every,
            seed=self.settings.seed,
        )
        return pretrain(self.run.directory / "pretrain", texts, plan)

    # The agent

    def evaluate(self, name: str, *, parallel: int = 1) -> dict[str, Any]:
        """Score the agent on the held-out questions."""
        agent = self.base_agent if name == "base" else self.trained_agent
        return evaluate_agent(
            agent,
            spread(self.questions, "heldout", self.settings.sized(80, least=8)),
            name=name,
            parallel=parallel,
            seed=self.streams.integer("evaluate") % 2**32,
            rollouts=self.run.directory / "rollouts",
        )

    def collect(self) -> dict[str, Any]:
        """Roll out on the training questions."""
        questions = spread(self.questions, "train", self.settings.sized(40, least=4))
        return collect_groups(self.base_agent, questions, self.training, self.replay_file)

    def train(self) -> dict[str, Any]:
        """Learn from the mixed groups."""
        directory = self.run.directory
        return train_policy(
            self.base_agent, self.training, self.replay_file, self.policy, directory / "metrics.jsonl"
        )

    @cached_property
    def training(self) -> AgentTraining:
        """The round's sizes and settings."""
        return AgentTraining(
            group_size=8,
            wanted_groups=self.settings.sized(6, least=2),
            learner=LearnerConfig(learning_rate=1e-5, num_trainable_layers=6),
            oapl=OAPLConfig(num_epochs=2, groups_per_step=2),
            seed=self.settings.seed,
        )

    # What the stages share

    @cached_property
    def streams(self) -> RandomStreams:
        """All randomness."""
        return RandomStreams(self.settings.seed)

    @cached_property
    def base_agent(self) -> LocalAgent:
        """The agent that becomes the trained one where both are made in one go."""
        return LocalAgent(self.index_directory, judge=self.judge)

    @cached_property
    def trained_agent(self) -> LocalAgent:
        """The agent with the trained weights; those in memory where they have just been trained."""
        agent = self.base_agent
        trained = int(self.run.record("train").result["version"])
        if agent.engine.version == trained:
            return agent
        return LocalAgent(self.index_directory, policy=self.policy, judge=self.judge)

    @cached_property
    def documents(self) -> list[Document]:
        """All documents, read again where the run was interrupted."""
        documents, _ = read_documents(self.settings.docs)
        expected = self.run.record("documents").result["num_characters"]
        if sum(len(document.text) for document in documents) != expected:
            raise DocumentsError(
                f"the documents in {self.settings.docs} have changed since this run began: use --fresh"
            )
        return documents

    @cached_property
    def questions(self) -> list[Question]:
        """All questions."""
        return list(read_questions(self.questions_file))

    @property
    def chunks_file(self) -> Path:
        """The prepared chunks."""
        return self.run.directory / "chunks.arrow"

    @property
    def questions_file(self) -> Path:
        """The questions."""
        return self.run.directory / "questions.jsonl"

    @property
    def index_directory(self) -> Path:
        """The index."""
        return self.run.directory / "index"

    @property
    def replay_file(self) -> Path:
        """The collected groups."""
        return self.run.directory / "replay.jsonl"

    @property
    def policy(self) -> Path:
        """The trained weights."""
        return self.run.directory / "policy"


def spread(questions: Sequence[Question], split: str, count: int) -> list[Question]:
    """At most so many questions of a split, evenly over the kinds, in the order in which they were made."""
    by_kind: dict[str, list[Question]] = {}
    for question in questions:
        if question.split == split:
            by_kind.setdefault(question.kind, []).append(question)
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*by_kind.values()))
    return list(itertools.islice((question for question in in_turn if question is not None), count))


def write_chunks(file: Path, chunks: pa.Table) -> None:
    """Keep the prepared chunks, all or nothing."""
    with writing_file(file) as stream, pa.ipc.new_file(stream, chunks.schema) as writer:
        writer.write_table(chunks)


def read_chunks(file: Path) -> pa.Table:
    """The prepared chunks, memory-mapped."""
    with pa.memory_map(str(file)) as source:
        return pa.ipc.open_file(source).read_all()
