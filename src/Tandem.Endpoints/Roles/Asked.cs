namespace Tandem.Endpoints;

/// <summary>What came of asking a model.</summary>
/// <typeparam name="T">What is asked for.</typeparam>
public sealed class Asked<T>
{
    private readonly T _value;

    private Asked(ReplyKind kind, T value, string text, int requests) => (Kind, _value, Text, Requests) = (kind, value, text, requests);

    /// <summary>What kind of reply it was. Only <see cref="ReplyKind.Answered"/> has a value.</summary>
    public ReplyKind Kind { get; }

    /// <summary>Whether there is a value.</summary>
    public bool IsAnswered => Kind == ReplyKind.Answered;

    /// <summary>What was asked for.</summary>
    /// <exception cref="InvalidOperationException">It was not answered: there is nothing that could be scored.</exception>
    public T Value => IsAnswered ? _value : throw new InvalidOperationException($"The reply is {Kind}: it has no value.");

    /// <summary>The last reply as it came, the words of the refusal, or the fault's message.</summary>
    public string Text { get; }

    /// <summary>How many requests were made, cached ones included.</summary>
    public int Requests { get; }

    internal static Asked<T> Answer(T value, string text, int requests) => new(ReplyKind.Answered, value, text, requests);

    internal static Asked<T> None(ReplyKind kind, string text, int requests) => kind == ReplyKind.Answered
        ? throw new ArgumentException("An answer has a value.", nameof(kind))
        : new(kind, default!, text, requests);
}
