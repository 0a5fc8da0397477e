import pytest

from fireside.cli.main import main
from fireside.lm.engine.kv_format import KVFormat
from fireside.lm.engine.planner import KVPlan
from fireside.lm.layer_map import LayerMap

SHAPE = ["--layers", "24", "--kv-heads", "3", "--head-dim", "128"]


def test_a_plan_says_bytes_of_tokens_and_sequences_against_standard(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lm", "plan", "--map", "ma-offset", *SHAPE, "--context", "32768", "--dtype", "bf16"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    plan = KVPlan(
        layers=LayerMap.preset("ma-offset", 24),
        num_kv_heads=3,
        head_dim=128,
        kv_format=KVFormat(dtype="bf16"),
    )
    assert f"map {plan.layers}" in shown
    assert f"bytes a token: {plan.token_bytes:,} and {plan.window_bytes:,}" in shown
    for tokens in (1024, 8192, 32_768):
        (row,) = [line for line in shown.splitlines() if f" {tokens:,} " in line]
        assert f"{plan.sequence_bytes(tokens):,}" in row
        assert f"{plan.sequence_bytes(tokens) / plan.standard().sequence_bytes(tokens):.1%}" in row


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--map", "ma-ofset"], "no layer map is called 'ma-ofset'"),
        (["--map", "0_2"], "layer 1 reads the K/V of layer 2"),
        (["--map", "0_1s"], "has 2 layers, asked for are 24"),
        (["--context", "0"], "at least 1 token, got 0"),
        (["--window", "0"], "window of 0"),
    ],
)
def test_a_plan_that_cannot_be_is_one_clear_line(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lm", "plan", *SHAPE, *options])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert len(said.splitlines()) == 1
