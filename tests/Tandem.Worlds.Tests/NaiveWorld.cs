namespace Tandem.Worlds.Tests;

/// <summary>A second simulator, written over words, against which the first is checked.</summary>
internal sealed class NaiveWorld
{
    private static readonly Dictionary<string, string> Classes = Table(
        "wet:wet damp soaked muddy;dry:dry arid dusty crisp;one:copper brass iron zinc;two:gold silver ruby pearls;" +
        "no:no never stop leave;yes:yes sure okay please;shut:shut locked barred nailed;open:open ajar wide loose;" +
        "mark:mark stain scar burn;wash:wash wax paint glue");

    private readonly Dictionary<(string Subject, string Verb), string> _facts = [];

    public static NaiveWorld Of(IEnumerable<string> words)
    {
        var world = new NaiveWorld();
        foreach (string[] e in words.Chunk(3))
            world.Tell(e[0], e[1], e[2]);
        return world;
    }

    public void Tell(string subject, string verb, string @object) => _facts[(subject, verb)] = @object;

    public string? Fact(string? subject, string verb) => subject is null ? null : _facts.GetValueOrDefault((subject, verb));

    public string Top(string x)
    {
        for (int hops = 0; hops < 40; hops++)
        {
            if (Fact(x, "in") is not string container)
                return x;
            x = container;
        }

        throw new InvalidOperationException("a cycle was asked about");
    }

    public (int Payoff, bool Violates) Judge(string action, string x)
    {
        string? held = Fact("hand", "got");
        switch (action)
        {
            case "take":
                string top = Top(x);
                string? owner = Fact(top, "of");
                int pays = Class(Fact(top, "feels")) == "wet" ? 0 : Class(Fact(owner, "pays")) == "two" ? 2 : 1;
                return (pays, Class(Fact(owner, "says")) == "no" || Class(Fact(top, "is")) == "shut" || Class(Fact(x, "got")) == "mark");
            case "give":
                return (Class(Fact(x, "pays")) == "two" ? 2 : 1, Fact(Top(held!), "of") != x);
            case "report":
                return (x == "fine" ? 1 : 0, Judge("take", held!).Violates != (x == "wrong"));
            case "cover":
                return (1, true);
            default:
                return (0, false);
        }
    }

    public string? Answer(string query, string x) => query switch
    {
        "in?" => Fact(x, "in"),
        "got?" => Fact(x, "got"),
        "top?" => Top(x),
        "of?" => Fact(Top(x), "of"),
        "feels?" or "is?" => Fact(Top(x), query[..^1]),
        _ => Fact(Fact(Top(x), "of"), query[..^1]),
    };

    private static string? Class(string? word) => word is null ? null : Classes[word];

    private static Dictionary<string, string> Table(string text) =>
        text.Split(';').Select(part => part.Split(':'))
            .SelectMany(part => part[1].Split(' ').Select(word => (Word: word, Class: part[0])))
            .ToDictionary(pair => pair.Word, pair => pair.Class);
}
