"""What people type first, coming from other programs or from PyTorch, and the right words that answer it."""
import shlex

from harness import need, row

# A command line and what stands in the parentheses of the answer. {} in the line is a table of numbers.
LINES = r"""
--tensor 2 -4 5                    | --tensor '[2,-4,5]'
--tensor 2 4 5                     | --tensor '[2,4,5]'
--tensor -1 -2                     | --tensor '[-1,-2]'
--tensor {}                        | a file is named without an option: rectify {}
--randn 2 3                        | --randn 2,3
--randn 2 3 4                      | --randn 2,3,4
--randn 2 relu                     | an activation is chosen by --mode relu
--tensor 1 --mode relu leaky       | an activation is chosen by --mode relu,leaky
--inplace true {}                  | an option that stands alone takes no value
--grad yes {}                      | an option that stands alone takes no value
relu {}                            | an activation is chosen by --mode relu
LeakyReLU {}                       | an activation is chosen by --mode leaky
F.leaky_relu {}                    | an activation is chosen by --mode leaky
1,-2,3                             | a literal is --tensor '[1,-2,3]'
'1 -2 3'                           | a literal is --tensor '[1,-2,3]'
[1,-2]                             | a literal is --tensor '[1,-2]'
[[1,-2],[3,4]]                     | a literal is --tensor '[[1,-2],[3,4]]'
2.5                                | a literal is --tensor 2.5
help                               | rectify --help
version                            | rectify --version
compare help                       | rectify compare --help
compre {}                          | did you mean rectify compare?
Compare {}                         | did you mean rectify compare?
http://a.example/acts.csv          | curl -sSL http://a.example/acts.csv | rectify
https://a.example/acts.csv         | curl -sSL https://a.example/acts.csv | rectify
'https://a.example/?a=1&b=2'       | curl -sSL 'https://a.example/?a=1&b=2' | rectify
s3://bucket/acts.csv               | copy it here, or pipe it in
-s 0.1 {}                          | did you mean --seed, --skip, --s
-m relu {}                         | --mode
-t csv {}                          | --delimiter C, or --to FORMAT
-p 3 {}                            | --precision
-d ';' {}                          | --delimiter C
-F ';' {}                          | --delimiter C
--tensor @{}                       | a file is named without an option: rectify
-j 4 {}                            | --threads N
-i {}                              | an input is named without an option
-V                                 | --version
-?                                 | --help
-z {}                              | rectify -h lists the options
-slope 0.1 {}                      | did you mean --slope?
--slop 0.1 {}                      | did you mean --slope?
--thres 3 {}                       | did you mean --threshold?
--miss nan {}                      | did you mean --missing, --missing-words?
--dt float64 {}                    | did you mean --dtype?
compare --tau 0.1 {}               | --dormant-below T
--top 3 {}                         | it is an option of rectify compare
compare --nan null {}              | rectify compare does not take it
compare --threshold 3 {}           | rectify compare does not take it
compare --digits 3 {}              | --precision, which rectify compare does not take
compare --npy {}                   | --to takes table, json, jsonl, csv, tsv, markdown
-F, {}                             | --delimiter C
--float64 {}                       | --dtype float64
--leaky-relu {}                    | --mode leaky
--lambd 1 {}                       | --mode 'hardshrink(lambd=X)'
--skiprows 1 {}                    | --skip N
--usecols 1 {}                     | --columns LIST
--tensor [ 1, -2 ]                 | --tensor '[ 1, -2 ]'
--tensor [1, -2]                   | --tensor '[1, -2]'
{} compare                         | compare stands first
compare --slope 0.1 0.2 {}         | several slopes are one word: --slope 0.1,0.2
--mode leaky 0.2 {}                | parameters belong to their mode: --mode 'leaky(0.2)'
--mode swish {}                    | did you mean silu?
--mode lrelu {}                    | did you mean leaky?
--Slope 0.1 {}                     | did you mean --slope?
--negative_slope 0.1 {}            | --slope X
--negative-slope=0.1 {}            | --slope X
--alpha 0.1 {}                     | --slope X
--dim 1 {}                         | --mode 'softmax(dim=N)'
--axis 1 {}                        | --unit-axis N
--manual-seed 1 --randn 2          | --seed N
--manual_seed=1 --randn 2          | --seed N
--shape 2,3                        | --randn SIZES
--json {}                          | --to json
--csv {}                           | --to csv
--format csv {}                    | --to FORMAT for the output, --from FORMAT for the input
--output-format csv {}             | --to FORMAT
--icsv {}                          | --from csv
--ojson {}                         | --to json
--no-header {}                     | --header no
--headerless-csv-output {}         | --out-header no
--quiet {}                         | 2>/dev/null
--relu {}                          | --mode relu
--leaky_relu {}                    | --mode leaky
--activation relu {}               | --mode LIST
--modes relu {}                    | --mode LIST
--in-place {}                      | --inplace
--gradient {}                      | --grad
--sep ';' {}                       | --delimiter C
--delim ';' {}                     | --delimiter C
--na-values NA {}                  | --missing-words WORDS
--fillna 0 {}                      | --missing X
--type float64 {}                  | --dtype T
--jobs 4 {}                        | --threads N
--out a.csv {}                     | -o FILE
--outfile a.csv {}                 | -o FILE
--input {}                         | an input is named without an option
--digits 3 {}                      | --precision N
--usage                            | --help
--compare {}                       | rectify compare FILE
--per-unit {}                      | it is an option of rectify compare
compare --echo {}                  | rectify compare does not take it
compare --grad {}                  | rectify compare does not take it
--mode relu --slope 0.1 {}         | leave --slope out
--mode 'leaky(0.2)' --slope 0.1 {} | leave --slope out
--mode lreky {}                    | did you mean leaky?
--mode 'leaky(slope=0.2)' {}       | negative_slope
--to jsn {}                        | torch, json
--dtype fp32 {}                    | float32
"""


def cases():
    for line in LINES.strip().splitlines():
        words, _, answer = line.partition("|")
        yield words.strip(), answer.strip()


@row
def the_first_words_of_a_newcomer_get_one_right_line(s):
    s.write("acts.csv", b"1,-2\n3,-4\n")
    wrong = []
    for line, answer in cases():
        outcome = s.run(*shlex.split(line.replace("{}", "acts.csv")))
        text = outcome.stderr.decode()
        if outcome.status not in (1, 2) or outcome.stdout or text.count("\n") != 1 or \
                answer.replace("{}", "acts.csv") not in text:
            wrong.append(f"{line}: expected {answer!r} in one line, got {outcome}")
    need(not wrong, "\n".join(wrong))
    need(len(list(cases())) >= 60, "the table is shorter")


@row
def a_slope_that_is_the_standard_one_is_taken(s):
    for arguments in (["--slope", "0.01"], ["--slope", "0.01", "--mode", "relu,leaky"]):
        s.run("--tensor", "[-1]", "--to", "jsonl", *arguments).succeeds()
    s.run("compare", "--tensor", "[-1]", "--slope", "0.01").succeeds()


@row
def what_cannot_be_shown_is_not_shown(s):
    for word in (b"[2,-\xc4\xd35]", b"http://a/\x1b[31m", b"relu\n"):
        outcome = s.run(word)
        outcome.refuses("No such file")
        need(outcome.stderr.count(b"\n") == 1 and b"\x1b" not in outcome.stderr, outcome)
    s.run("http://a.example/it's").refuses(r"curl -sSL 'http://a.example/it'\\''s' \| rectify")


@row
def following_an_answer_that_is_a_command_line_leads_on(s):
    s.write("acts.csv", b"1,-2\n3,-4\n")
    for line, answer in cases():
        answer = answer.replace("{}", "acts.csv")
        for start in ("a literal is ", "an activation is chosen by ", "a file is named without an option: rectify ", ""):
            if start and answer.startswith(start):
                answer = answer[len(start):] + (" acts.csv" if "--mode" in answer else "")
                break
        if not answer.startswith(("--tensor", "--randn 2", "--mode relu", "--mode leaky", "acts.csv")) or "LIST" in answer:
            continue
        words = shlex.split(answer)
        if "--mode" in words and "acts.csv" not in words:
            words.append("acts.csv")
        s.run(*words).succeeds()
