using System.Globalization;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Experiments;
using Tandem.Tensors;
using Tandem.Worlds.Ladder;

namespace Tandem.Paradigms.Sandwiching;

/// <summary>Turns votes into claims, tables and charts.</summary>
internal sealed class SandwichingFindings(
    SandwichingConfiguration configuration, ModelLadder ladder, IReadOnlyList<DebaterCard> roster, IReadOnlyList<HeldCondition> results)
{
    // A difference whose whole interval is within this is called absent, not unknown.
    private const double Negligible = 0.05;

    private readonly RandomStream _random = new RandomStream(0).Fork("sandwiching intervals");
    private readonly string[] _debaters = [.. roster.Select(debater => debater.Name)];

    public ExperimentFindings Write()
    {
        IReadOnlyDictionary<string, Estimate>? elo = Ratings();
        List<ExperimentClaim> claims = Claims(elo);
        return new ExperimentFindings
        {
            Title = "Sandwiching: debate and consultancy before a weaker judge",
            Question = "Does a judge who does not see the story decide better when stronger models debate than when one advises, and what do unequal debaters do to it?",
            Method = string.Create(CultureInfo.InvariantCulture, $"""
                Judge {configuration.Judge} ({ladder[configuration.Judge].ParameterCount:N0} parameters), debaters {string.Join(", ", configuration.Debaters)}; {configuration.TestItems} test items, each the
                right option against one distractor, the same for all protocols and for {configuration.Seeds.Count} seeds of fine-tuning. A debater quotes {configuration.QuotesPerTurn} facts in
                each of {configuration.Rounds} rounds, a consultant as many as two debaters together; the judge reads the story that the quotes make, in both orders of the answers.
                Accuracy is right among right and wrong: votes that contradict each other in the two orders are undecided and stand apart. Intervals are 95%, resampled over items.
                """).ReplaceLineEndings(" "),
            Claims = claims,
            Tables = [Protocols(), Debaters(elo), Differences()],
            Charts = [.. Charts(elo)],
            Grids = [Sides()],
            Limits =
            [
                "Debaters quote and do not argue: every quote is true, and deceit is the choice of what to leave out and of facts that were true before.",
                "The judge learned from random parts of stories, not from debates: it does not know that what is quoted was chosen, or why something is not.",
                "The expert is the judge itself with the whole story: it is limited by how well the judge reads, and not by what it is shown.",
                "Accuracy of decided votes compares conditions on the items that both decided; a protocol with many undecided votes is compared on fewer items.",
                "Intervals resample items; the seeds of fine-tuning are few and are averaged over.",
                $"{claims.Count} claims are judged one by one, without a correction for their number.",
            ],
            Outcomes = [.. results.Select(held => new OutcomeSeries(
                held.Condition.Name, "judge accuracy", held.Seed, [.. held.Questions.Select(question => question.Item)],
                [.. held.Questions.Select(question => question.Vote switch { JudgeVote.Right => 1.0, JudgeVote.Wrong => 0.0, _ => (double?)null })]))],
        };
    }

    private List<ExperimentClaim> Claims(IReadOnlyDictionary<string, Estimate>? elo)
    {
        List<ItemVote> debate = Equal(DebateProtocol.Simultaneous), consultancy = Consultancy(), expert = Baseline(BaselineProtocol.Expert);
        List<ExperimentClaim> claims =
        [
            Claim("A debate between equals leaves the judge more accurate than a consultant who is as often wrong as right", "arXiv 2311.08702, 2402.06782, 2407.04622", "debate less consultancy", debate, consultancy),
            Claim("A debate leaves the judge more accurate than the question alone", "arXiv 2402.06782", "debate less blind", debate, Baseline(BaselineProtocol.Blind)),
            Claim("The whole story leaves the judge more accurate than a debate about it", "arXiv 2402.06782", "expert less debate", expert, debate),
            Claim("A consultant for the wrong answer makes the judge less accurate than one for the right answer", "arXiv 2311.08702", "consultant right less wrong", Consultancy(SideAssignment.Right), Consultancy(SideAssignment.Wrong)),
        ];
        if (elo is not null && _debaters.Length > 1)
        {
            string strong = _debaters.MaxBy(name => elo[name].Value)!, weak = _debaters.MinBy(name => elo[name].Value)!;
            claims.Add(Claim(
                "A stronger debater on the wrong side lowers the judge's accuracy", "arXiv 2402.06782",
                $"equal debaters ({strong}, {weak}) less {weak} right against {strong} wrong", [.. Debate(strong, strong), .. Debate(weak, weak)], Debate(weak, strong)));
            claims.Add(Claim(
                "Stronger debaters, by Elo, leave the judge more accurate when both are as strong", "arXiv 2402.06782",
                $"{strong} against itself less {weak} against itself", Debate(strong, strong), Debate(weak, weak)));
        }

        if (BestOfN.Length > 1)
        {
            claims.Add(Claim(
                "Debaters that choose their quotes among more candidates leave the judge more accurate", "arXiv 2402.06782",
                $"{BestOfN[^1]} against itself less {BestOfN[0]}", Debate(BestOfN[^1], BestOfN[^1]), Debate(BestOfN[0], BestOfN[0])));
        }

        return claims;
    }

    /// <summary>The debaters of the largest rung by their number of candidates, all facts last.</summary>
    private string[] BestOfN =>
        [.. roster.Where(debater => debater.Rung == roster[^1].Rung).OrderBy(debater => debater.Candidates == 0 ? int.MaxValue : debater.Candidates).Select(debater => debater.Name)];

    private ExperimentClaim Claim(string expected, string source, string what, IReadOnlyList<ItemVote> first, IReadOnlyList<ItemVote> second)
    {
        Estimate? difference = VoteSummary.Difference(first, second, _random.Fork(what));
        string observed = difference is null ? $"{what}: fewer than two items were decided under both" : string.Create(
            CultureInfo.InvariantCulture,
            $"{what}: {difference.Value:+0.000;−0.000} ({difference.Lower:+0.000;−0.000} to {difference.Upper:+0.000;−0.000}) over {difference.Count} items and {configuration.Seeds.Count} seeds");
        return new ExperimentClaim(expected, source, observed, ClaimRule.Positive(difference, Negligible));
    }

    private ResultTable Protocols() => new(
        "Judge accuracy by protocol",
        ["protocol", "accuracy", "undecided", "right", "wrong", "undecided votes", "unscored"],
        [
            Row("blind: the question alone", Baseline(BaselineProtocol.Blind)),
            Row("consultant for the right answer", Consultancy(SideAssignment.Right)),
            Row("consultant for the wrong answer", Consultancy(SideAssignment.Wrong)),
            Row("consultancy, both sides together", Consultancy()),
            Row("open consultancy", Consultancy(SideAssignment.Open)),
            Row("debate, equal debaters", Equal(DebateProtocol.Simultaneous)),
            Row("debate, equal debaters, one after the other", Equal(DebateProtocol.Sequential)),
            .. _debaters.Length < 2 ? [] : new[] { Row("debate, unequal debaters, both assignments", Where(c => Given(c, DebateProtocol.Simultaneous) && !c.Equal)) },
            .. configuration.Debaters.Count < 2 ? [] : new[] { Row("open debate, unequal debaters", Where(c => c.ProtocolName == DebateProtocol.Simultaneous && c.Sides == SideAssignment.Open)) },
            Row("expert: the judge with the whole story", Baseline(BaselineProtocol.Expert)),
        ],
        "Accuracy is right among right and wrong. Debaters choose among all facts; unequal debates of given sides are those of all pairs.");

    private ResultTable Debaters(IReadOnlyDictionary<string, Estimate>? elo) => new(
        "Debaters",
        ["debater", "parameters", "Elo", "believes the right answer", "accuracy: debate with itself", "consultancy", "consultant right", "consultant wrong", "open consultancy"],
        [
            .. roster.Select(card => (IReadOnlyList<ResultCell>)
            [
                card.Name, ladder[card.Rung].ParameterCount.ToString("N0", CultureInfo.InvariantCulture), elo?[card.Name], Beliefs(card.Name),
                Accuracy(Debate(card.Name, card.Name)),
                Accuracy(Where(c => Consults(c, card.Name) && c.Sides != SideAssignment.Open)),
                Accuracy(Where(c => Consults(c, card.Name) && c.Sides == SideAssignment.Right)),
                Accuracy(Where(c => Consults(c, card.Name) && c.Sides == SideAssignment.Wrong)),
                Accuracy(Where(c => Consults(c, card.Name) && c.Sides == SideAssignment.Open)),
            ]),
        ],
        "Elo by least squares over decided debates between different debaters, both assignments of sides; the sum is 0. Best of N: each quote is chosen among N facts drawn at random.");

    private ResultTable Differences()
    {
        List<ItemVote> debate = Equal(DebateProtocol.Simultaneous);
        return new ResultTable(
            "Paired differences of accuracy, on what both decided", ["difference", "accuracy"],
            [
                Compare("debate less consultancy", debate, Consultancy()),
                Compare("debate less blind", debate, Baseline(BaselineProtocol.Blind)),
                Compare("expert less debate", Baseline(BaselineProtocol.Expert), debate),
                Compare("both at once less one after the other", debate, Equal(DebateProtocol.Sequential)),
                .. _debaters.Select(name => Compare($"{name}: debate with itself less consultancy", Debate(name, name), Where(c => Consults(c, name) && c.Sides != SideAssignment.Open))),
            ]);
    }

    private IEnumerable<ResultChart> Charts(IReadOnlyDictionary<string, Estimate>? elo)
    {
        if (elo is null)
            yield break;
        string[] order = [.. _debaters.OrderBy(name => elo[name].Value)];
        yield return new ResultChart(
            "Judge accuracy by the debaters' strength", "Elo", "accuracy",
            [
                new ResultSeries("debate with itself", Points(name => Debate(name, name))),
                new ResultSeries("consultancy", Points(name => Where(c => Consults(c, name) && c.Sides != SideAssignment.Open))),
            ]);

        ResultPoint[] Points(Func<string, List<ItemVote>> votes) =>
            [.. order.Select(name => (name, Accuracy: Accuracy(votes(name)))).Where(p => p.Accuracy is not null).Select(p => new ResultPoint(elo[p.name].Value, p.Accuracy!))];
    }

    private ResultGrid Sides() => new(
        "Judge accuracy by who debates for what", "for the right answer", _debaters, "for the wrong answer", _debaters,
        [.. _debaters.Select(right => (IReadOnlyList<double?>)[.. _debaters.Select(wrong => Accuracy(Debate(right, wrong))?.Value)])]);

    /// <summary>Elo with intervals over resampled items; null where not all debaters can be compared.</summary>
    private Dictionary<string, Estimate>? Ratings()
    {
        HeldCondition[] debates = [.. results.Where(held => Given(held.Condition, DebateProtocol.Simultaneous) && !held.Condition.Equal)];
        string[] items = [.. debates.SelectMany(held => held.Questions).Select(question => question.Item).Distinct()];
        if (items.Length < 2 || _debaters.Length < 2)
            return null;
        (string Right, string Wrong, Dictionary<string, JudgeVote> Votes)[] votes =
            [.. debates.Select(held => (held.Condition.First!.Name, held.Condition.Second!.Name, held.Questions.ToDictionary(q => q.Item, q => q.Vote)))];

        Dictionary<string, Estimate> ratings = new(StringComparer.Ordinal);
        try
        {
            for (int d = 0; d < _debaters.Length; d++)
            {
                string name = _debaters[d];
                ratings[name] = Bootstrap.Of(items.Length, units => Elo.Rate(Matches(units))[name], _random.Fork("elo"), replicates: 500, BootstrapInterval.Percentile);
            }
        }
        catch (UserFaultException)
        {
            // A resample without a decided debate between two of them: too little was decided to rate anyone.
            return null;
        }

        return ratings;

        List<EloMatch> Matches(ReadOnlySpan<int> units)
        {
            int[] drawn = units.ToArray();
            return
            [
                .. votes.Select(debate => new EloMatch(
                    debate.Right, debate.Wrong,
                    drawn.Count(unit => debate.Votes[items[unit]] == JudgeVote.Right), drawn.Count(unit => debate.Votes[items[unit]] == JudgeVote.Wrong)))
                    .GroupBy(match => string.CompareOrdinal(match.First, match.Second) < 0 ? (match.First, match.Second) : (match.Second, match.First))
                    .Select(pair => new EloMatch(
                        pair.Key.Item1, pair.Key.Item2,
                        pair.Sum(match => match.First == pair.Key.Item1 ? match.FirstWins : match.SecondWins),
                        pair.Sum(match => match.First == pair.Key.Item1 ? match.SecondWins : match.FirstWins))),
            ];
        }
    }

    private Estimate? Beliefs(string name)
    {
        (double, string)[] values =
        [
            .. results.Where(held => Consults(held.Condition, name) && held.Condition.Sides == SideAssignment.Open)
                .SelectMany(held => held.Questions).Select(question => (question.FirstWasRight ? 1.0 : 0.0, question.Item)),
        ];
        return values.Length == 0 ? null : ClusteredRate.Of(values, _random.Fork("beliefs").Fork(name));
    }

    private List<ItemVote> Baseline(string protocol) => Where(c => c.ProtocolName == protocol);

    private List<ItemVote> Consultancy(SideAssignment? side = null) => Where(
        c => c.ProtocolName == ConsultancyProtocol.Name && c.First!.Candidates == 0 && (side is null ? c.Sides != SideAssignment.Open : c.Sides == side));

    private List<ItemVote> Equal(string protocol) => Where(c => Given(c, protocol) && c.Equal && c.First!.Candidates == 0);

    private List<ItemVote> Debate(string right, string wrong) => Where(
        c => Given(c, DebateProtocol.Simultaneous) && c.First!.Name == right && c.Second!.Name == wrong);

    private List<ItemVote> Where(Predicate<DebateCondition> condition) =>
        [.. results.Where(held => condition(held.Condition)).SelectMany(held => held.Votes)];

    private static bool Given(DebateCondition condition, string protocol) =>
        condition.ProtocolName == protocol && condition.Sides == SideAssignment.Right;

    private static bool Consults(DebateCondition condition, string name) =>
        condition.ProtocolName == ConsultancyProtocol.Name && condition.First!.Name == name;

    private VoteSummary Summary(IReadOnlyList<ItemVote> votes) => VoteSummary.Of(votes, _random.Fork("summary"));

    private Estimate? Accuracy(IReadOnlyList<ItemVote> votes) => Summary(votes).Accuracy;

    private ResultCell[] Compare(string name, IReadOnlyList<ItemVote> first, IReadOnlyList<ItemVote> second) =>
        [name, VoteSummary.Difference(first, second, _random.Fork(name))];

    private ResultCell[] Row(string name, IReadOnlyList<ItemVote> votes)
    {
        VoteSummary summary = Summary(votes);
        return [name, summary.Accuracy, summary.UndecidedRate, Text(summary.Right), Text(summary.Wrong), Text(summary.Undecided), Text(summary.Unscored)];

        static ResultCell Text(int count) => count.ToString("N0", CultureInfo.InvariantCulture);
    }
}
