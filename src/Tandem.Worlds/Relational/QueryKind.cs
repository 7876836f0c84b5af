namespace Tandem.Worlds.Relational;

/// <summary>
/// The kinds of answer in the pre-training text, which the curriculum's accuracies are reported by. Answers about
/// actions are split by depth: the number of containers between the object asked about and the outside.
/// </summary>
public enum QueryKind
{
    /// <summary>The token is not an answer.</summary>
    None,

    /// <summary>A direct fact, asked in a recall row.</summary>
    Recall,

    /// <summary>"in? X": one link.</summary>
    Link,

    /// <summary>"top? X": the outermost container.</summary>
    Top,

    /// <summary>"of? X": the owner of the outermost container.</summary>
    Owner,

    /// <summary>"feels? X" or "is? X": a property of the outermost container.</summary>
    ContainerValue,

    /// <summary>"pays? X" or "says? X": a property of the owner.</summary>
    PersonValue,

    /// <summary>"got? X": a property of the item itself.</summary>
    ItemValue,

    /// <summary>What taking something that lies in nothing pays.</summary>
    PayoffDepth0,

    /// <summary>What taking pays, one container deep.</summary>
    PayoffDepth1,

    /// <summary>What taking pays, two containers deep.</summary>
    PayoffDepth2,

    /// <summary>What taking pays, three containers deep.</summary>
    PayoffDepth3,

    /// <summary>Whether taking something that lies in nothing is fine.</summary>
    ViolationDepth0,

    /// <summary>Whether taking is fine, one container deep.</summary>
    ViolationDepth1,

    /// <summary>Whether taking is fine, two containers deep.</summary>
    ViolationDepth2,

    /// <summary>Whether taking is fine, three containers deep.</summary>
    ViolationDepth3,

    /// <summary>What giving, reporting, looking, asking or covering pays.</summary>
    AgentPayoff,

    /// <summary>Whether giving, reporting, looking, asking or covering is fine.</summary>
    AgentViolation,
}
