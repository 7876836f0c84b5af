using Tandem.Runs;

namespace Tandem.Paradigms.Sandwiching;

/// <summary>A debater of the experiment.</summary>
/// <param name="Rung">Its rung.</param>
/// <param name="Candidates">Among how many facts it chooses each quote; 0 for all.</param>
internal sealed record DebaterCard(string Rung, int Candidates = 0)
{
    /// <summary>What tables call it.</summary>
    public string Name => Candidates == 0 ? Rung : $"{Rung} best of {Candidates}";
}

/// <summary>One way in which all questions are held: the protocol, who speaks first and second, and the first one's side.</summary>
/// <param name="ProtocolName">The protocol.</param>
/// <param name="Sides">The first speaker's side.</param>
/// <param name="First">The first speaker; null for the baselines.</param>
/// <param name="Second">The second speaker; null where there is none.</param>
internal sealed record DebateCondition(string ProtocolName, SideAssignment Sides, DebaterCard? First = null, DebaterCard? Second = null)
{
    /// <summary>A path for the condition's stage.</summary>
    public string Key => string.Join(
        '/',
        new[] { "held", ProtocolName, Sides == SideAssignment.None ? "" : $"{Sides}", First?.Name ?? "", Second?.Name ?? "" }
            .Where(part => part.Length > 0).Select(StageKey.Part));

    /// <summary>The condition in words.</summary>
    public string Name => ProtocolName + (Sides, Second) switch
    {
        (SideAssignment.None, _) => "",
        (SideAssignment.Open, null) => $", {First!.Name} for what it believes",
        (SideAssignment.Open, _) => $", {First!.Name} for what it believes, against {Second.Name}",
        (_, null) => $", {First!.Name} for the {(Sides == SideAssignment.Right ? "right" : "wrong")} answer",
        _ => $", {First!.Name} right, {Second.Name} wrong",
    };

    /// <summary>Whether it is a debate of a debater with itself.</summary>
    public bool Equal => Second is not null && First == Second;

    /// <summary>
    /// The conditions over some debaters: the baselines; every debater as a consultant; debates of every debater against
    /// every debater on both sides. Debates one after the other and open debates are held by those that choose among all facts;
    /// an open debate of a debater with itself would be a debate of given sides again.
    /// </summary>
    public static IEnumerable<DebateCondition> All(IReadOnlyList<DebaterCard> debaters)
    {
        yield return new DebateCondition(BaselineProtocol.Blind, SideAssignment.None);
        yield return new DebateCondition(BaselineProtocol.Expert, SideAssignment.None);
        foreach (DebaterCard debater in debaters)
        {
            foreach (SideAssignment side in new[] { SideAssignment.Right, SideAssignment.Wrong, SideAssignment.Open })
                yield return new DebateCondition(ConsultancyProtocol.Name, side, debater);
            foreach (DebaterCard opponent in debaters)
            {
                yield return new DebateCondition(DebateProtocol.Simultaneous, SideAssignment.Right, debater, opponent);
                if (debater.Candidates == 0 && opponent.Candidates == 0)
                {
                    yield return debater == opponent
                        ? new DebateCondition(DebateProtocol.Sequential, SideAssignment.Right, debater, opponent)
                        : new DebateCondition(DebateProtocol.Simultaneous, SideAssignment.Open, debater, opponent);
                }
            }
        }
    }

    /// <summary>Makes the protocol.</summary>
    /// <param name="debater">Makes a debater.</param>
    /// <param name="rounds">The rounds of a debate.</param>
    /// <param name="seed">The seed.</param>
    public IProtocol Protocol(Func<DebaterCard, IDebater> debater, int rounds, ulong seed)
    {
        var settings = new ProtocolSettings { Rounds = rounds, Seed = seed };
        return ProtocolName switch
        {
            ConsultancyProtocol.Name => new ConsultancyProtocol(debater(First!), Sides, settings with { Rounds = 2 * rounds }),
            DebateProtocol.Simultaneous or DebateProtocol.Sequential => new DebateProtocol(
                debater(First!), debater(Second!), Sides, ProtocolName == DebateProtocol.Simultaneous, settings),
            _ => new BaselineProtocol(ProtocolName == BaselineProtocol.Expert),
        };
    }
}
