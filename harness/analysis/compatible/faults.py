"""What is wrong with each published formula, in one line that stands next to its numbers.

They are told beside every number that the published formulas give.
"""

SELECTION = (
    "best is a maximum over many tuned cells compared with a mean over few untuned ones: pure selection noise is worth "
    "2.3/3.2/3.9/4.6 points for 4/8/16/32 independent equal cells (score sd .375, n = 282)"
)
SHARES = "the variance shares are marginal: each factor is taken alone, and together they can add up to more than 100 %"
CCG = (
    "healthy scaling always gives a negative CCG, its size depends on the unit of accuracy, and it explodes near a "
    "flat accuracy slope"
)
RECOMMENDATION = f"the thresholds are cut on a CCG without an interval: {CCG}"
LINE = "every model weighs the same whatever its number of questions, and the fit is over as few points as models"
ROWS = "experiment rows stand for their questions: rows over the same questions are treated as independent"
MARGINAL = "levels are averaged over whatever else was run with them: an unbalanced search is read as an effect"
CR1 = (
    "CR1 is too small for few or unequal clusters: with t on clusters - 1 degrees of freedom it covers .889/.909/.926 "
    "at 10/20/48 clusters where .95 is claimed"
)
RATES = "pass rates are subtracted without pairing the questions and without an interval"
TIES = "ties are dropped: a judge that mostly ties looks as decisive as one that never does"
ELO = "sequential ratings depend on the order of the matches"
