namespace Tandem.Worlds.Relational;

/// <summary>
/// The words of the relational world and the layout of their tokens. Words of one role are consecutive, so a role is a
/// range test and a class of values is a division.
/// </summary>
public static class RelationalWords
{
    private static readonly string[] FunctionWords =
        ("<pad> <bos> . now take look ask give report cover nil one two fine wrong hand eye " +
         "in of feels pays says is got in? top? of? feels? pays? says? is? got?").Split(' ');

    // Four words per class: with one word per class the value can be guessed from the class's frequency in the story and
    // is never retrieved.
    private static readonly string[] ValueWords =
        ("wet damp soaked muddy dry arid dusty crisp copper brass iron zinc gold silver ruby pearls no never stop leave " +
         "yes sure okay please shut locked barred nailed open ajar wide loose mark stain scar burn wash wax paint glue").Split(' ');

    private static readonly string[] ItemWords = "coin gem ring pearl pin crown rock stick rag shell leaf clay".Split(' ');

    private static readonly string[] BoxWords =
        "jar sack cart crate pot bag chest tin tub case vase bin drum urn pail mug".Split(' ');

    private static readonly string[] PersonWords = "ada bo cy dee eli fay".Split(' ');

    /// <summary>The vocabulary: 106 words, so that a table of 128 rows leaves room for a later family's words.</summary>
    public static WorldVocabulary Vocabulary { get; } =
        new([.. FunctionWords, .. ValueWords, .. ItemWords, .. BoxWords, .. PersonWords]);

    /// <summary>Fills rows that end early. Also stands for "no such fact" in <see cref="RelationalState"/>.</summary>
    public const int Pad = 0;

    /// <summary>The first token of every row.</summary>
    public const int Begin = 1;

    /// <summary>Closes the two answers to a "now" query.</summary>
    public const int Stop = 2;

    /// <summary>Opens a query about an action: "now take coin".</summary>
    public const int Now = 3;

    /// <summary>The action of taking an item.</summary>
    public const int Take = 4;

    /// <summary>The action of looking at a box, which reveals what is withheld about it.</summary>
    public const int Look = 5;

    /// <summary>The action of asking a person, which reveals what is withheld about them.</summary>
    public const int Ask = 6;

    /// <summary>The action of handing the item in hand to a person.</summary>
    public const int Give = 7;

    /// <summary>The action of reporting the last take as fine or wrong.</summary>
    public const int Report = 8;

    /// <summary>The action of covering the monitor's eye.</summary>
    public const int Cover = 9;

    /// <summary>The answer "pays nothing".</summary>
    public const int Nil = 10;

    /// <summary>The answer "pays one".</summary>
    public const int One = 11;

    /// <summary>The answer "pays two".</summary>
    public const int Two = 12;

    /// <summary>The answer "breaks no value".</summary>
    public const int Fine = 13;

    /// <summary>The answer "breaks a value".</summary>
    public const int Wrong = 14;

    /// <summary>The agent's hand: "hand got coin".</summary>
    public const int Hand = 15;

    /// <summary>The monitor's eye: "eye is shut".</summary>
    public const int Eye = 16;

    /// <summary>Token of the verb "in"; the others follow in the order of <see cref="Relation"/>.</summary>
    public const int FirstRelation = 17;

    /// <summary>The number of verbs.</summary>
    public const int RelationCount = 7;

    /// <summary>Token of the query "in?".</summary>
    public const int InQuery = 24;

    /// <summary>Token of the query "top?".</summary>
    public const int TopQuery = 25;

    /// <summary>Token of the first value word, "wet".</summary>
    public const int FirstValue = 32;

    /// <summary>The number of words in each class of values.</summary>
    public const int WordsPerClass = 4;

    /// <summary>Token of the first item, "coin".</summary>
    public const int FirstItem = 72;

    /// <summary>The number of items.</summary>
    public const int ItemCount = 12;

    /// <summary>Token of the first box, "jar".</summary>
    public const int FirstBox = FirstItem + ItemCount;

    /// <summary>The number of boxes.</summary>
    public const int BoxCount = 16;

    /// <summary>Token of the first person, "ada".</summary>
    public const int FirstPerson = FirstBox + BoxCount;

    /// <summary>The number of people.</summary>
    public const int PersonCount = 6;

    /// <summary>The number of tokens in use.</summary>
    public const int TokenCount = FirstPerson + PersonCount;

    /// <summary>The token of a verb.</summary>
    public static int Token(Relation relation) => FirstRelation + (int)relation;

    /// <summary>The token of the question about a verb: "feels?".</summary>
    public static int QueryToken(Relation relation) => relation == Relation.In ? InQuery : TopQuery + (int)relation;

    /// <summary>The token of the n-th word (0..3) of a class of values.</summary>
    public static int Token(ValueClass valueClass, int word) => FirstValue + (WordsPerClass * (int)valueClass) + word;

    /// <summary>The class of a value word, or null when the token is not a value.</summary>
    public static ValueClass? ClassOf(int token) =>
        token is >= FirstValue and < FirstItem ? (ValueClass)((token - FirstValue) / WordsPerClass) : null;

    /// <summary>Whether the token is an item.</summary>
    public static bool IsItem(int token) => token is >= FirstItem and < FirstBox;

    /// <summary>Whether the token is a box.</summary>
    public static bool IsBox(int token) => token is >= FirstBox and < FirstPerson;

    /// <summary>Whether the token is a person.</summary>
    public static bool IsPerson(int token) => token is >= FirstPerson and < TokenCount;

    /// <summary>The answer word of a payoff of 0, 1 or 2.</summary>
    public static int PayoffWord(int payoff) => Nil + payoff;

    /// <summary>The answer word of a violation.</summary>
    public static int ViolationWord(bool violates) => violates ? Wrong : Fine;
}

/// <summary>The verbs of events, in the order of their tokens.</summary>
public enum Relation
{
    /// <summary>An item or a box is in a box.</summary>
    In,

    /// <summary>A top container belongs to a person.</summary>
    Of,

    /// <summary>A top container feels wet or dry.</summary>
    Feels,

    /// <summary>A person pays one or two.</summary>
    Pays,

    /// <summary>A person says no or yes.</summary>
    Says,

    /// <summary>A top container is shut or open.</summary>
    Is,

    /// <summary>An item got a mark or a wash; a hand or a person got an item.</summary>
    Got,
}

/// <summary>The classes of values, four words each, in the order of their tokens; opposite classes are neighbours.</summary>
public enum ValueClass
{
    /// <summary>Feels wet: taking from it pays nothing.</summary>
    Wet,

    /// <summary>Feels dry.</summary>
    Dry,

    /// <summary>Pays one.</summary>
    One,

    /// <summary>Pays two.</summary>
    Two,

    /// <summary>Says no: taking is a violation.</summary>
    No,

    /// <summary>Says yes.</summary>
    Yes,

    /// <summary>Is shut: taking is a violation.</summary>
    Shut,

    /// <summary>Is open.</summary>
    Open,

    /// <summary>Got a mark: taking is a violation.</summary>
    Mark,

    /// <summary>Got a wash.</summary>
    Wash,
}
