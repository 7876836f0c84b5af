using Microsoft.Extensions.AI;

namespace Tandem.Endpoints;

/// <summary>
/// A model in a role (supervisor, judge, debater, auditor, target) that is asked for replies of a form. Every question ends as
/// one <see cref="ReplyKind"/>, which is counted.
/// </summary>
public sealed class ModelRole
{
    private const int Letters = 26;

    // How replies open that refuse in words; only looked for where a reply does not have its form.
    private static readonly string[] RefusalOpenings =
    [
        "i'm sorry", "i am sorry", "sorry, ", "i apologize", "i can't ", "i cannot ", "i can not ", "i won't ", "i will not ",
        "i'm not able to", "i am not able to", "i'm unable to", "i am unable to", "as an ai",
    ];

    private readonly IChatClient _client;
    private readonly int _reasks;

    /// <summary>Creates a role.</summary>
    /// <param name="name">What the role is called in messages.</param>
    /// <param name="client">The model.</param>
    /// <param name="tally">Where ends are counted; its own by default.</param>
    /// <param name="reasks">How often the model is asked again after a reply without the form, 0 to 10.</param>
    public ModelRole(string name, IChatClient client, ReplyTally? tally = null, int reasks = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(reasks);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(reasks, 10);
        (Name, _client, Tally, _reasks) = (name, client, tally ?? new ReplyTally(), reasks);
    }

    /// <summary>What the role is called.</summary>
    public string Name { get; }

    /// <summary>The ends of the questions so far.</summary>
    public ReplyTally Tally { get; }

    /// <summary>Asks for a reply of a form, and again when it does not have it. Refusals are not asked again.</summary>
    /// <typeparam name="T">What the reply is read as.</typeparam>
    /// <param name="messages">The conversation.</param>
    /// <param name="form">The form.</param>
    /// <param name="options">The options of every request.</param>
    /// <param name="cancellation">Ends the question, which is then not counted.</param>
    /// <exception cref="Tensors.UserFaultException">The budget is used up, or the request cannot be sent: that is no reply of the model.</exception>
    public async Task<Asked<T>> AskAsync<T>(
        IReadOnlyList<ChatMessage> messages, ReplyForm<T> form, ChatOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(form);
        Asked<T> asked = await AskWithoutCountAsync(messages, form, options, cancellation).ConfigureAwait(false);
        Tally.Count(asked.Kind);
        return asked;
    }

    /// <summary>
    /// Asks which of two is better, twice, each being the first once. Answered only when both were; the verdict is a tie when
    /// the answers name different ones, as a judge's do that prefers a place.
    /// </summary>
    /// <param name="question">The conversation for one order, which asks for A (the first) or B. Given whether the order is swapped.</param>
    /// <param name="options">The options of every request.</param>
    /// <param name="cancellation">Ends the question, which is then not counted.</param>
    public async Task<Asked<Verdict>> CompareAsync(
        Func<bool, IReadOnlyList<ChatMessage>> question, ChatOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(question);
        ReplyForm<int> form = ReplyForms.Letter("AB");
        Asked<int> plain = await AskWithoutCountAsync(question(false), form, options, cancellation).ConfigureAwait(false);
        Asked<int> swapped = !plain.IsAnswered ? plain : await AskWithoutCountAsync(question(true), form, options, cancellation).ConfigureAwait(false);
        int requests = plain.Requests + (plain.IsAnswered ? swapped.Requests : 0);
        Asked<Verdict> verdict = !swapped.IsAnswered
            ? Asked<Verdict>.None(swapped.Kind, swapped.Text, requests)
            : Asked<Verdict>.Answer(
                plain.Value == swapped.Value ? Verdict.Tie : plain.Value == 0 ? Verdict.First : Verdict.Second,
                $"{plain.Text}\n{swapped.Text}", requests);
        Tally.Count(verdict.Kind);
        return verdict;
    }

    /// <summary>
    /// The log-probabilities of the options of a question that asks for a letter, from those of the reply's first token where
    /// the server offers them; a letter that is not among its candidates has -∞. Without them, the letter that the model
    /// chooses has 0 and the others have -∞.
    /// </summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">The number of options, 2 to 26: A, B, C…</param>
    /// <param name="chat">The options of every request.</param>
    /// <param name="cancellation">Ends the question, which is then not counted.</param>
    /// <returns>The log-probabilities in nats, normalized over the options.</returns>
    public async Task<Asked<OptionScores>> ScoreAsync(
        IReadOnlyList<ChatMessage> messages, int options, ChatOptions? chat = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options, Letters);
        IReadOnlyList<ReplyToken>? tokens = null;
        Asked<int> asked = await AskWithoutCountAsync(
            messages, ReplyForms.Letter(string.Concat(Enumerable.Range('A', options).Select(c => (char)c))), chat.WithLogProbabilities(20), cancellation,
            response => tokens ??= response.TokenLogProbabilities()).ConfigureAwait(false);
        double[]? scores = tokens is null ? null : LetterScores(tokens, options);
        Asked<OptionScores> result = scores is not null && (asked.Kind is ReplyKind.Answered or ReplyKind.Unparsed)
            ? Asked<OptionScores>.Answer(new OptionScores(scores, FromLogProbabilities: true), asked.Text, asked.Requests)
            : asked.IsAnswered
                ? Asked<OptionScores>.Answer(
                    new OptionScores([.. Enumerable.Range(0, options).Select(i => i == asked.Value ? 0 : double.NegativeInfinity)], FromLogProbabilities: false),
                    asked.Text, asked.Requests)
                : Asked<OptionScores>.None(asked.Kind, asked.Text, asked.Requests);
        Tally.Count(result.Kind);
        return result;
    }

    private async Task<Asked<T>> AskWithoutCountAsync<T>(
        IReadOnlyList<ChatMessage> messages, ReplyForm<T> form, ChatOptions? options, CancellationToken cancellation, Action<ChatResponse>? seen = null)
    {
        if (form.IsJson)
        {
            options = options?.Clone() ?? new ChatOptions();
            options.ResponseFormat ??= ChatResponseFormat.Json;
        }

        List<ChatMessage> conversation = [.. messages];
        for (int request = 1; ; request++)
        {
            ChatResponse response;
            try
            {
                response = await _client.GetResponseAsync(conversation, options, cancellation).ConfigureAwait(false);
            }
            catch (EndpointException fault)
            {
                return Asked<T>.None(fault.Fault == EndpointFault.Filtered ? ReplyKind.Refused : ReplyKind.Failed, fault.Message, request);
            }

            seen?.Invoke(response);
            if (response.Refusal() is { } words)
                return Asked<T>.None(ReplyKind.Refused, words, request);
            if (response.FinishReason == ChatFinishReason.ContentFilter)
                return Asked<T>.None(ReplyKind.Refused, response.Text, request);
            string text = ReplyForms.WithoutReasoning(response.Text);

            if (form.TryRead(text, out T value))
                return Asked<T>.Answer(value, response.Text, request);
            if (Refuses(text))
                return Asked<T>.None(ReplyKind.Refused, response.Text, request);
            if (request > _reasks)
                return Asked<T>.None(ReplyKind.Unparsed, response.Text, request);
            conversation.Add(new ChatMessage(ChatRole.Assistant, response.Text));
            conversation.Add(new ChatMessage(ChatRole.User, form.Reminder));
        }
    }

    private static bool Refuses(string text)
    {
        string plain = text.Replace('’', '\'');
        return RefusalOpenings.Any(opening => plain.StartsWith(opening, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The letters' log-probabilities among the first token's candidates; null when no letter is there.</summary>
    private static double[]? LetterScores(IReadOnlyList<ReplyToken> tokens, int options)
    {
        double[] scores = new double[options];
        Array.Fill(scores, double.NegativeInfinity);
        ReplyToken? first = tokens.FirstOrDefault(t => t.Token.Trim().Length > 0);
        if (first is null)
            return null;
        foreach (TokenCandidate candidate in first.Candidates.Append(new TokenCandidate(first.Token, first.LogProbability)).DistinctBy(c => c.Token))
        {
            // "A" and " A" are two tokens of one letter.
            string letter = candidate.Token.Trim();
            if (letter.Length == 1 && letter[0] - 'A' is >= 0 and var index && index < options)
                scores[index] = LogSumExp(scores[index], candidate.LogProbability);
        }

        double total = scores.Aggregate(double.NegativeInfinity, LogSumExp);
        return double.IsNegativeInfinity(total) ? null : [.. scores.Select(score => score - total)];
    }

    private static double LogSumExp(double a, double b)
    {
        double larger = Math.Max(a, b);
        return double.IsNegativeInfinity(larger) ? larger : larger + Math.Log(Math.Exp(a - larger) + Math.Exp(b - larger));
    }
}

/// <summary>Which of two is better.</summary>
public enum Verdict
{
    /// <summary>The first, in both orders.</summary>
    First,

    /// <summary>The second, in both orders.</summary>
    Second,

    /// <summary>The answers in the two orders contradict each other.</summary>
    Tie,
}

/// <summary>The log-probabilities of options.</summary>
/// <param name="LogProbabilities">In nats, normalized over the options.</param>
/// <param name="FromLogProbabilities">Whether the server gave probabilities; otherwise only the chosen letter is known.</param>
public sealed record OptionScores(IReadOnlyList<double> LogProbabilities, bool FromLogProbabilities);
