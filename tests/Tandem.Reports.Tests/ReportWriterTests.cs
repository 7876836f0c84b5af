using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Tandem.Evaluation;
using Tandem.Generations;

namespace Tandem.Reports.Tests;

public sealed partial class ReportWriterTests
{
    private const string Hostile = "<script>alert('x')</script> \"&amp;' ]]> </style> \u0007\u202E\uD800 \U0001F600";

    public static TheoryData<string> Runs => ["full", "one-seed", "single-arm", "initial-only", "empty", "no-generations", "nothing-measured"];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Write_AnyRun_IsWellFormedAndRefersOnlyToItself(string name)
    {
        string page = Render(Run(name));

        XElement html = Parse(page);

        string[] ids = [.. html.DescendantsAndSelf().Attributes("id").Select(a => a.Value)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
        Assert.All(html.Descendants().Attributes("href"), a => Assert.Contains(a.Value.TrimStart('#'), ids));
        Assert.All(html.Descendants().Attributes("href"), a => Assert.StartsWith("#", a.Value, StringComparison.Ordinal));
        Assert.Empty(html.Descendants().Attributes("src"));
        Assert.DoesNotContain(html.Descendants(), e => e.Name.LocalName is "script" or "link" or "img" or "iframe" or "object" or "base");
        Assert.DoesNotMatch(External(), page);
        Assert.All(html.Descendants().Attributes("aria-labelledby"), a => Assert.All(a.Value.Split(' '), id => Assert.Contains(id, ids)));
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Write_AnyRun_HasOneTitleAndHeadingsWithoutGaps(string name)
    {
        XElement html = Parse(Render(Run(name)));

        int[] levels = [.. html.Descendants().Where(e => e.Name.LocalName is "h1" or "h2" or "h3" or "h4").Select(e => e.Name.LocalName[1] - '0')];

        Assert.Equal(1, levels[0]);
        Assert.Single(levels, l => l == 1);
        Assert.All(levels.Zip(levels.Skip(1)), pair => Assert.True(pair.Second <= pair.First + 1, $"h{pair.First} is followed by h{pair.Second}"));
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Write_AnyRun_TablesHaveCaptionsAndScopesAndPicturesHaveTitles(string name)
    {
        XElement html = Parse(Render(Run(name)));

        Assert.All(html.Descendants("table"), t => Assert.False(string.IsNullOrWhiteSpace(t.Element("caption")?.Value)));
        Assert.All(html.Descendants("th"), t => Assert.Contains(t.Attribute("scope")?.Value, new[] { "col", "row" }));
        Assert.All(html.Descendants("tr"), r => Assert.Equal(r.Ancestors("table").First().Element("thead")!.Element("tr")!.Elements().Count(), r.Elements().Count()));
        foreach (XElement svg in html.Descendants("svg").Where(s => s.Attribute("aria-hidden") is null))
        {
            Assert.Equal("img", svg.Attribute("role")?.Value);
            Assert.False(string.IsNullOrWhiteSpace(svg.Element("title")?.Value));
            Assert.False(string.IsNullOrWhiteSpace(svg.Element("desc")?.Value));
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Write_AnyRun_EveryEstimateIsShownWithIntervalAndCount(string name)
    {
        RunSummary run = Run(name);

        HashSet<string> shown = [.. Parse(Render(run)).Descendants("span").Where(e => e.Attribute("class")?.Value is "estimate" or "inline-estimate").Select(Text)];

        foreach (Estimate estimate in Estimates(run))
        {
            string stacked = $"{Figures.Rate(estimate.Value)} {Figures.Interval(estimate)} n {Figures.Count(estimate.Count)}";
            Assert.True(shown.Contains(stacked) || shown.Contains(Spaces().Replace(Figures.Inline(estimate), " ")), stacked);
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Write_AnyRun_CoordinatesAreNumbers(string name)
    {
        XElement html = Parse(Render(Run(name)));

        foreach (XAttribute attribute in html.Descendants("svg").DescendantsAndSelf().Attributes().Where(a => a.Name.LocalName is "x" or "y" or "x1" or "x2" or "y1" or "y2" or "cx" or "cy" or "r" or "width" or "height"))
            Assert.True(double.TryParse(attribute.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value), attribute.ToString());
        Assert.All(html.Descendants("path").Attributes("d"), d => Assert.Matches("^[MLZ0-9. -]+$", d.Value));
    }

    [Fact]
    public void Write_HostileStrings_AreTextEverywhere()
    {
        RunSummary run = Poison(SampleRun.Full(1));

        string page = Render(run);

        XElement html = Parse(page);
        Assert.Empty(html.Descendants("script"));
        Assert.Single(html.Descendants("style"));
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\u202E', page);
        Assert.Contains("<script>alert('x')</script>", html.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_GapWithinNoise_ShowsNoRecoveredShare()
    {
        ArmSummary arm = SampleRun.Arm("adaptive", 1);
        RunSummary run = SampleRun.Empty() with { Arms = [arm with { Generations = [.. arm.Generations.Select(g => g with { PerformanceGapRecovered = null })] }] };

        XElement html = Parse(Render(run));

        XElement row = html.Descendants("tr").Single(r => r.Element("th")!.Value.StartsWith("Gap recovered", StringComparison.Ordinal));
        Assert.Equal(["–", "gap within noise", "gap within noise", "gap within noise"], row.Elements("td").Select(d => d.Value));
    }

    [Fact]
    public void Write_NumbersThatAreNotFinite_AreSaidInWords()
    {
        ArmSummary arm = SampleRun.Arm("adaptive", 1);
        var broken = new Estimate(double.NaN, double.NegativeInfinity, double.PositiveInfinity, 0);
        GenerationSummary last = arm.Generations[^1];
        RunSummary run = SampleRun.Empty() with
        {
            WallSeconds = double.NaN,
            Arms = [arm with { TrainingFlops = double.NaN, Generations = [.. arm.Generations.Take(3), last with { AfterAlignment = last.AfterAlignment! with { Competence = broken, Conformity = broken }, Gap = last.Gap! with { Gap = broken, SupervisionNoise = double.NaN }, Curves = [new("diverged", [new(1, double.NaN), new(2, double.PositiveInfinity)])] }] }],
        };

        string page = Render(run);

        Assert.Contains("not measured", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        Assert.DoesNotContain("∞", page, StringComparison.Ordinal);
        Parse(page);
    }

    [Fact]
    public void Write_OtherCulture_SamePage()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        string expected = Render(SampleRun.Single());
        try
        {
            var odd = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            odd.NumberFormat.NumberDecimalSeparator = ",";
            odd.NumberFormat.NegativeSign = "~";
            odd.NumberFormat.NumberGroupSeparator = "_";
            CultureInfo.CurrentCulture = odd;
            Assert.Equal(expected, Render(SampleRun.Single()));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Write_Stream_IsUtf8WithoutMarkAndLeftOpen()
    {
        using var stream = new MemoryStream();

        ReportWriter.Write(SampleRun.Single(), stream);

        Assert.True(stream.CanWrite);
        Assert.Equal((byte)'<', stream.ToArray()[0]);
        Assert.Equal(Render(SampleRun.Single()), Encoding.UTF8.GetString(stream.ToArray()));
    }

    private static RunSummary Run(string name) => name switch
    {
        "full" => SampleRun.Full(),
        "one-seed" => SampleRun.Full(1),
        "single-arm" => SampleRun.Single(),
        "initial-only" => SampleRun.InitialOnly(),
        "no-generations" => SampleRun.Empty() with { Arms = [SampleRun.Arm("adaptive", 1) with { Generations = [] }] },
        "nothing-measured" => SampleRun.Empty() with { Arms = [SampleRun.Arm("adaptive", 1) with { Generations = [new GenerationSummary { Index = 0, Rung = "r2", ParameterCount = 39_000 }] }] },
        _ => SampleRun.Empty(),
    };

    internal static string Render(RunSummary run)
    {
        using var writer = new StringWriter();
        ReportWriter.Write(run, writer);
        return writer.ToString();
    }

    private static XElement Parse(string page)
    {
        const string type = "<!DOCTYPE html>\n";
        Assert.StartsWith(type, page, StringComparison.Ordinal);
        return XElement.Parse(page[type.Length..], LoadOptions.PreserveWhitespace);
    }

    private static string Text(XElement element) => Spaces().Replace(element.Value, " ");

    // Every estimate of a run, wherever it is in the record: a field added later is not forgotten here.
    private static IEnumerable<Estimate> Estimates(object? value)
    {
        switch (value)
        {
            case null or string or ValueType:
                yield break;
            case Estimate estimate:
                yield return estimate;
                yield break;
            case IDictionary dictionary:
                foreach (object? item in dictionary.Values)
                {
                    foreach (Estimate e in Estimates(item))
                        yield return e;
                }

                yield break;
            case IEnumerable items:
                foreach (object? item in items)
                {
                    foreach (Estimate e in Estimates(item))
                        yield return e;
                }

                yield break;
        }

        foreach (PropertyInfo property in value.GetType().GetProperties().Where(p => p.GetIndexParameters().Length == 0))
        {
            foreach (Estimate e in Estimates(property.GetValue(value)))
                yield return e;
        }
    }

    private static RunSummary Poison(RunSummary run) => run with
    {
        Name = Hostile,
        Identity = Hostile,
        TaskFamily = Hostile,
        Command = Hostile,
        ConfigurationYaml = Hostile,
        Declarations = [Hostile],
        Baselines = [run.Baselines[0] with { Name = Hostile, Description = Hostile }],
        Arms =
        [
            .. run.Arms.Select(a => a with
            {
                Name = a.Name == "adaptive" ? a.Name : Hostile,
                Generations =
                [
                    .. a.Generations.Select(g => g with
                    {
                        Rung = Hostile,
                        BeforeAlignment = g.BeforeAlignment is { } m ? m with { Breakdown = new Dictionary<string, Estimate> { [Hostile] = m.Utility } } : null,
                        Gap = g.Gap is { } gap ? gap with { Controller = Hostile, Reason = Hostile, Candidates = [gap.Candidates[0] with { Rung = Hostile }] } : null,
                        Supervision = g.Supervision is { } s ? s with { Sources = [.. s.Sources.Select(_ => Hostile)], Combination = Hostile } : null,
                        Hazards = [.. g.Hazards.Select(h => h with { Id = Hostile, Description = Hostile, Script = Hostile })],
                        Gate = g.Gate is { } gate ? gate with { Promoted = false, Rules = [new GateRule(Hostile, Hostile, Hostile, false)] } : null,
                        Curves = [.. g.Curves.Select(c => c with { Stage = Hostile })],
                    }),
                ],
            }),
        ],
    };

    [GeneratedRegex(@"https?:|//[a-z]|@import|url\(|data:|\son[a-z]+\s*=", RegexOptions.IgnoreCase)]
    private static partial Regex External();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
