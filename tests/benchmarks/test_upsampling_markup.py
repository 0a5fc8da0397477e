"""Markup against the paragraphs that a reader would see."""

import textwrap

from upsampling_markup import plain_html, plain_rst


def rst(source):
    return plain_rst(textwrap.dedent(source)).split("\n\n")


def test_titles_stay_and_their_rules_go():
    assert rst("=====\nTitle\n=====\n\nPart\n----\nText.") == ["Title", "Part", "Text."]


def test_prose_is_one_line_and_an_item_of_a_list_too():
    assert rst(
        """
        One sentence
        on two lines.

        - an item
          of two lines
        - another
        """
    ) == ["One sentence on two lines.", "- an item of two lines\n- another"]


def test_a_term_and_its_definition_stand_apart():
    assert rst("term\n   what it is,\n   at length\n") == ["term\nwhat it is, at length"]


def test_code_keeps_its_lines_until_the_text_goes_on():
    assert rst(
        """
        Run this::

            if x:
                y()

            z()

        and then

        .. code-block:: python
           :linenos:

           a = 1
        """
    ) == ["Run this:", "if x:\n    y()", "z()", "and then", "a = 1"]


def test_roles_and_emphasis_become_what_is_read_aloud():
    source = (
        "See :c:func:`kmalloc`, :ref:`here <label>`, :class:`~a.B`, `site <u://x>`_, **bold** *a* ``b * c``."
    )
    assert rst(source) == ["See kmalloc, here, a.B, site, bold a b * c."]


def test_comments_indices_and_tables_go_with_all_that_is_inside_them():
    assert rst(
        """
        .. SPDX-License-Identifier: GPL-2.0

        .. _label:

        .. toctree::
           :maxdepth: 1

           first
           second

        Before.

        ===== =====
        a     b
        ===== =====
        1     2
        ===== =====

        +---+
        | x |
        +---+

        After.
        """
    ) == ["Before.", "After."]


def test_notes_and_described_objects_are_text():
    assert rst(
        """
        .. function:: f(a, b)
                      f(a)

           Adds.

           .. versionchanged:: 3.1
              Faster.

           .. note:: Beware.
        """
    ) == ["f(a, b)\nf(a)", "Adds.", "Changed in version 3.1: Faster.", "Beware."]


def test_pages_lose_navigation_and_tables_and_keep_code():
    page = (
        "<html><head><title>T</title></head><body>"
        '<div class="navheader"><table><tr><td>Prev</td></tr></table><hr /></div>'
        "<h2>Title</h2><p>Some\n  <code>a</code> &amp; b.</p>"
        '<table class="x"><tr><td>cell</td></tr></table>'
        '<pre class="screen">\n  SELECT <b>1</b>\n    FROM t;\n</pre>'
        '<p>End.</p><div class="navfooter">Next</div></body></html>'
    )
    assert plain_html(page).split("\n\n") == ["Title", "Some a & b.", "SELECT 1\n  FROM t;", "End."]
