"""How statement files are cut into pieces and put into each driver's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah._db.statements import (
    Rendered,
    Style,
    parse,
    parse_script,
    quote_name,
    render_pieces,
    render_script,
)
from howdah.errors import ConfigError, UsageError

BOTH: tuple[Style, ...] = ("psycopg", "asyncpg")


def rendered(sql: str, style: Style = "psycopg", schema: str = "howdah") -> Rendered:
    return render_pieces(parse(sql), schema, style)


def test_psycopg_is_given_parameters_by_name():
    assert "SELECT %(a)s, %(b)s, %(a)s" == rendered("SELECT :a, :b, :a").text


def test_asyncpg_is_given_parameters_by_position_each_name_once():
    statement = rendered("SELECT :b, :a, :b", "asyncpg")

    assert Rendered("SELECT $1, $2, $1", ("b", "a")) == statement


def test_a_cast_is_not_a_parameter():
    assert "SELECT %(a)s::text::uuid" == rendered("SELECT :a::text::uuid").text


def test_a_cast_without_a_parameter_stays_as_it_is():
    assert "SELECT x::text" == rendered("SELECT x::text").text


def test_an_assignment_and_an_array_slice_are_not_parameters():
    assert "v := a[1:n]" == rendered("v := a[1:n]").text


@pytest.mark.parametrize(
    "literal",
    ["'see :name'", "e'it\\'s :name'", "'it''s :name'", "'{\"a\":true}'"],
)
def test_a_parameter_inside_a_string_is_refused(literal: str):
    with pytest.raises(UsageError, match="which a string literal cannot"):
        parse(f"SELECT {literal}")


@pytest.mark.parametrize("literal", ["'a::text'", "'hh24:mi:ss'", "'12:30'", "': '", "''"])
def test_a_string_with_harmless_colons_stays_as_it_is(literal: str):
    assert f"SELECT {literal}" == rendered(f"SELECT {literal}").text


def test_the_refusal_names_the_file():
    with pytest.raises(UsageError, match=r"^sql/job/send\.sql: "):
        parse("SELECT ':x'", where="sql/job/send.sql")


def test_an_escaped_quote_does_not_end_an_e_string():
    assert r"SELECT E'it\'s', %(a)s" == rendered(r"SELECT E'it\'s', :a").text


def test_a_backslash_ends_nothing_in_an_ordinary_string():
    assert r"SELECT 'C:\', %(a)s" == rendered(r"SELECT 'C:\', :a").text


def test_a_typed_literal_is_not_an_e_string():
    assert r"SELECT date'\', %(a)s" == rendered(r"SELECT date'\', :a").text


def test_a_comment_holds_no_parameter_and_no_quote():
    sql = "-- it's :x\nSELECT /* don't :y */ :a -- howdah.job"

    assert ("a",) == rendered(sql, "asyncpg").order
    assert "SELECT   $1" == rendered(sql, "asyncpg").text


def test_a_comment_parts_two_words():
    assert "SELECT 1" == rendered("SELECT/* one */1").text


def test_a_comment_inside_a_comment_ends_with_the_outer_one():
    assert "SELECT   1" == rendered("SELECT /* a /* b */ :c */ 1").text


def test_dashes_inside_a_string_are_no_comment():
    assert "SELECT '--', %(a)s" == rendered("SELECT '--', :a").text


@pytest.mark.parametrize("style", BOTH)
def test_the_schema_is_put_in_quoted(style: Style):
    assert (
        'SELECT FROM "jobs of ann".job'
        == rendered("SELECT FROM howdah.job", style, "jobs of ann").text
    )


@pytest.mark.parametrize(
    "sql",
    ["SELECT 'howdah.job'", 'SELECT "howdah.job"', 'SELECT "howdah".job', "SELECT app.howdah.x"],
)
def test_the_schema_is_not_put_into_strings_and_names(sql: str):
    assert sql == rendered(sql, schema="other").text


def test_a_longer_word_is_not_the_schema():
    assert (
        "SELECT my_howdah.job, howdahs.job"
        == rendered("SELECT my_howdah.job, howdahs.job", schema="other").text
    )


def test_the_schema_is_put_into_the_body_of_a_function():
    sql = "CREATE FUNCTION howdah.f() AS $$ BEGIN PERFORM howdah.g('howdah.x'); END $$"

    assert (
        'CREATE FUNCTION "o".f() AS $$ BEGIN PERFORM "o".g(\'howdah.x\'); END $$'
    ) == render_script(sql, "o")


def test_a_script_keeps_its_comments_and_takes_no_parameters():
    sql = "-- it's :a\nSELECT a[:n], 'x:y', 5 % 2"

    assert sql == render_script(sql, "howdah")


def test_a_percent_sign_is_doubled_for_psycopg_alone():
    assert "SELECT 5 %% 2" == rendered("SELECT 5 % 2").text
    assert "SELECT 5 % 2" == rendered("SELECT 5 % 2", "asyncpg").text
    assert "SELECT 5 % 2" == render_script("SELECT 5 % 2", "howdah")


def test_a_percent_sign_in_a_string_and_in_the_schema_is_doubled_for_psycopg():
    sql = "SELECT '100%' FROM howdah.job"

    assert "SELECT '100%%' FROM \"50%%\".job" == rendered(sql, schema="50%").text


@pytest.mark.parametrize("style", BOTH)
def test_a_colon_in_the_schema_is_no_parameter(style: Style):
    statement = rendered("SELECT FROM howdah.job", style, "a:b ::c")

    assert Rendered('SELECT FROM "a:b ::c".job', ()) == statement


def test_a_quote_in_the_schema_is_doubled():
    assert (
        '"a""; DROP TABLE b; --".job' == rendered("howdah.job", schema='a"; DROP TABLE b; --').text
    )


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "é" * 32, "\ud800", "a$$b", "$x$"])
def test_a_schema_name_that_postgres_cannot_hold_is_refused(name: str):
    with pytest.raises(ConfigError, match=r"choose another `schema=`"):
        quote_name(name)


@pytest.mark.parametrize("name", ["x" * 63, "é" * 31, "select", "Ann's \\ jobs", '"', "a$b"])
def test_an_odd_schema_name_is_quoted(name: str):
    assert '"' + name.replace('"', '""') + '"' == quote_name(name)


SCHEMAS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0$"), min_size=1)


@given(SCHEMAS.filter(lambda name: len(name.encode()) <= 63))
def test_any_schema_name_survives_what_a_driver_does_to_the_text(schema: str):
    sql = "SELECT :a::text FROM howdah.job"
    sent = f"SELECT $1::text FROM {quote_name(schema)}.job"

    assert sent == rendered(sql, "asyncpg", schema).text
    # psycopg reads `%(a)s` and `%%` as Python's own formatting does.
    assert sent == rendered(sql, "psycopg", schema).text % {"a": "$1"}


@given(st.text(alphabet="ab:'\"-/*$%\\\n.howdah ", max_size=40) | st.text())
def test_cutting_a_script_loses_nothing(sql: str):
    assert sql == "".join(piece.value for piece in parse_script(sql))
