"""docs/ml/speed.md says what the committed results say."""

from docs.ml_speed import PAGE, page


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "run python docs/ml_speed.py"
