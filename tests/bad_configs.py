"""Rows of edgekit.toml that are refused: the text, the message behind the file's name, and why."""

from __future__ import annotations

import pytest

from edgekit.config import RECIPES

FEATURE = '[[features]]\ncolumn = "a"\n'

BAD = [
    pytest.param(
        "[gate]\nbench = ['node']\nweb_vitals = true",
        ": gate: web_vitals needs a runner with a page; name one in bench, such as chromium:wasm",
        id="vitals of no page",
    ),
    pytest.param(
        "[gate]\nruntimes = ['safari']",
        ": gate: runtimes names 'safari'; choose from litert, chromium, node",
        id="a runtime that nobody knows",
    ),
    pytest.param(
        "[gate]\noptional = ['speed']",
        ": gate: optional names 'speed'; choose from verify, accuracy, slices, published, budgets, vitals, bench",
        id="a check that nobody knows",
    ),
    pytest.param(
        "[gate]\nmax_first_load = '200 apples'",
        ": gate: max_first_load: '200 apples' is no size; write it as 200kB or 1.5MB",
        id="a size without a unit",
    ),
    pytest.param(
        "[gate]\nmin_effect = '0%'",
        ": gate: min_effect is 0; write a share between 0 and 1 such as 0.05",
        id="an effect of nothing",
    ),
    pytest.param(
        "[run]\nstages = ['quantise']",
        ": run: stages names 'quantise'; choose from data, train, load, quantize, export, verify, check, publish",
        id="a stage that nobody knows",
    ),
    pytest.param(
        "[run]\ntrain = 'python train.py'",
        ": run: train must be a list, not text",
        id="a command line, which a shell would read",
    ),
    pytest.param(
        "[run]\ninputs = ['a.csv']",
        ": run: inputs are the files that the command train reads; name the command too",
        id="inputs of no training",
    ),
    pytest.param(
        "[data]\nmax_age = 2.0",
        ": data: max_age needs a column of times; name it in time",
        id="an age without a time",
    ),
    pytest.param(
        "[recipe]\nsparsity = 1.0",
        ": recipe: sparsity is 1; use a share from 0 to 0.99 such as 0.8",
        id="nothing would be left",
    ),
    pytest.param(
        "[recipe.layers]\n'dense*' = 'int4'",
        ": recipe: layers: dense* is 'int4'; choose one of int8, int16, float32",
        id="a type that no layer computes in",
    ),
    pytest.param(
        "[budgets]\nmetric = 'accuracy'",
        ": budgets: metric is 'accuracy'; choose one of rmse, mae, r2, top-1, or write module:function",
        id="an unknown metric",
    ),
    pytest.param(
        "[budgets]\nmetric = 'top-1'",
        ": budgets: metric is 'top-1', which is not one for regression; change it or the task",
        id="a metric of the other task",
    ),
    pytest.param(
        "[[slices]]\nname = 'a'",
        ": [[slices]] number 1: give either a column or a condition in `where`",
        id="a slice of nothing",
    ),
    pytest.param(
        "[[slices]]\nname = 'a'\ncolumn = 'b'\nbins = [2.0, 1.0]",
        ": [[slices]] number 1: bins are the edges for a column, each larger than the one before; correct them",
        id="bins that fall",
    ),
    pytest.param(
        FEATURE + "monotone = 'up'",
        ": [[features]] number 1: monotone is 'up'; choose one of increasing, decreasing",
        id="a direction that is none",
    ),
    pytest.param(
        "nane = 'x'",
        ": unknown key 'nane'; known keys are budgets, card, data, features, gate, name, outputs, recipe, run, slices, "
        "targets, task, version",
        id="a typo at the top",
    ),
    pytest.param(
        "[recipe]\nmod = 'int8'",
        ": recipe: unknown key 'mod'; known keys are calibration_rows, layers, mode, sparsity",
        id="a typo in a table",
    ),
    pytest.param(
        FEATURE + "units = 'kg'",
        ": features[0]: unknown key 'units'; known keys are categories, column, input, kind, "
        "monotone, name, range, steps, unit",
        id="a typo in a list of tables",
    ),
    pytest.param(
        "[targets.flutter]",
        ": targets: unknown key 'flutter'; known keys are ort, pyodide, tfjs, wasm",
        id="a target without options",
    ),
    pytest.param("[[features]]\nname = 'a'", ": features[0]: the key 'column' is missing", id="a feature of no column"),
    pytest.param("[features]\ncolumn = 'a'", ": features must be a list, not a table", id="one bracket too few"),
    pytest.param("name = 3", ": name must be text, not a whole number", id="a number as name"),
    pytest.param(
        "name = 'a b'",
        ": name is 'a b'; use up to 64 letters, digits, _ . or -, a letter or digit first",
        id="a name becomes file names",
    ),
    pytest.param(
        "name = '../x'",
        ": name is '../x'; use up to 64 letters, digits, _ . or -, a letter or digit first",
        id="a name never leaves its folder",
    ),
    pytest.param("version = ''", ": version is empty; write a short plain text", id="no version"),
    pytest.param(
        'version = "1\\n2"',
        ": version holds a control character or line break; write a short plain text",
        id="a version of two lines",
    ),
    pytest.param(
        "task = 'ranking'", ": task is 'ranking'; choose one of regression, classification", id="an unknown task"
    ),
    pytest.param(
        FEATURE + "kind = 'text'",
        ": [[features]] number 1: kind is 'text'; choose one of number, integer, category",
        id="an unknown kind",
    ),
    pytest.param(
        FEATURE + "range = [3, 3]",
        ": [[features]] number 1: range is [3, 3]; write two finite numbers, the smaller one first",
        id="an empty range",
    ),
    pytest.param(
        FEATURE + "range = [0, inf]",
        ": [[features]] number 1: range is [0, inf]; write two finite numbers, the smaller one first",
        id="a range without end",
    ),
    pytest.param(
        FEATURE + "range = [nan, 1]",
        ": [[features]] number 1: range is [nan, 1]; write two finite numbers, the smaller one first",
        id="nan compares false",
    ),
    pytest.param(FEATURE + "range = [1]", ": features[0]: range must have 2 values, not 1", id="half a range"),
    pytest.param(
        FEATURE + "categories = ['x', 'y']",
        ': [[features]] number 1: categories need kind = "category"; set it or remove them',
        id="categories of a number",
    ),
    pytest.param(
        FEATURE + "kind = 'category'\ncategories = ['x']",
        ": [[features]] number 1: categories must name at least 2 labels, in the order of their codes 0, 1, ...",
        id="a category without choice",
    ),
    pytest.param(
        FEATURE + "kind = 'category'\ncategories = ['x', 'y', 'x']",
        ": [[features]] number 1: categories: the name 'x' is there 2 times; give each its own",
        id="a label with two codes",
    ),
    pytest.param(
        FEATURE + "kind = 'category'\ncategories = ['x', 'y']\nrange = [0, 1]",
        ": [[features]] number 1: a category has no range; remove it, categories say it all",
        id="a category with a range",
    ),
    pytest.param(
        "[[features]]\ncolumn = ''",
        ": [[features]] number 1: column is empty; name the column of the data",
        id="an empty column",
    ),
    pytest.param(
        FEATURE + "[[features]]\ncolumn = 'b'\nname = 'a'",
        ": [[features]]: the name 'a' is there 2 times; give each its own",
        id="a name that is another's column",
    ),
    pytest.param(
        "[[outputs]]\nname = 'o'\n[[outputs]]\nname = 'o'",
        ": [[outputs]]: the name 'o' is there 2 times; give each its own",
        id="two outputs of one name",
    ),
    pytest.param("[data]\nseed = -1", ": data: seed is -1; use a number from 0 to 4294967295", id="a negative seed"),
    pytest.param("[data]\nseed = 1.5", ": data: seed must be a whole number, not a number", id="half a seed"),
    pytest.param(
        "[recipe]\nmode = 'int4'",
        ": recipe: mode is 'int4'; choose one of " + ", ".join(RECIPES),
        id="an unknown recipe",
    ),
    pytest.param(
        "[recipe]\ncalibration_rows = 0",
        ": recipe: calibration_rows is 0; use 1 or more, such as 500",
        id="no rows to calibrate",
    ),
    pytest.param(
        "[budgets]\nmax_drop = 5",
        ': budgets: max_drop is 5; write a share from 0 to 1 such as 0.01, or a percentage such as "1%"',
        id="a percentage without its sign",
    ),
    pytest.param(
        "[budgets]\nmax_drop = nan",
        ': budgets: max_drop is nan; write a share from 0 to 1 such as 0.01, or a percentage such as "1%"',
        id="nan passes every comparison but one",
    ),
    pytest.param(
        "[budgets]\nmax_drop = 'little'",
        ": budgets: max_drop is 'little'; write a share such as 0.005 or \"0.5%\"",
        id="a word",
    ),
    pytest.param(
        "[targets.tfjs]\nweights = 'int8'",
        ": targets: tfjs: weights is 'int8'; choose one of float32, uint8",
        id="weights that TF.js has not",
    ),
    pytest.param(
        "[targets.wasm]\nshard_bytes = 1000",
        ": targets: wasm: shard_bytes is 1000; use a number from 1024 to 2000000000",
        id="shards of crumbs",
    ),
    pytest.param(
        "[budgets]\nmax_drop = " + "9" * 400,
        ": a whole number is too large to be a number of float64; use a smaller one",
        id="an int that overflows float",
    ),
    pytest.param(
        "[data]\nseed = " + "9" * 5000,
        " is not a usable TOML file: a value is too long or nested too deep",
        id="more digits than Python converts",
    ),
    pytest.param(
        "name = " + "[" * 5000,
        " is not a usable TOML file: a value is too long or nested too deep",
        id="nested beyond the stack",
    ),
    pytest.param(b"name = '\xff'", " is not UTF-8 text; save it as UTF-8", id="Latin-1"),
    pytest.param(
        b"#" * 1_000_001, " is larger than 1000000 bytes; an edgekit.toml is a few kilobytes", id="a file too large"
    ),
]

BAD += [
    pytest.param(
        FEATURE + "steps = 0",
        ": [[features]] number 1: steps is 0; use a number from 1 to 100000",
        id="a window of nothing",
    ),
    pytest.param(
        FEATURE + "steps = 3\nkind = 'category'\ncategories = ['x', 'y']",
        ": [[features]] number 1: categories cannot be said of a window of steps; leave it out",
        id="a category at every step",
    ),
    pytest.param(
        FEATURE + "steps = 3\nmonotone = 'increasing'",
        ": [[features]] number 1: monotone cannot be said of a window of steps; leave it out",
        id="a direction of a window",
    ),
    pytest.param(
        "[[outputs]]\nname = 'y'\ntransform = 'sqrt'",
        ": [[outputs]] number 1: transform is 'sqrt'; choose one of log, log10, log1p",
        id="a transform that nobody undoes",
    ),
]
