using System.Text;
using Tandem.Datasets;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Tuning;

/// <summary>How a question with options is put to a language model.</summary>
public enum ChoiceStyle
{
    /// <summary>The options are listed by letter, and the answer is a letter: options of any length count alike.</summary>
    Letters,

    /// <summary>The options are not listed; each is scored as the continuation of the question.</summary>
    Continuations,
}

/// <summary>A question as a prompt and a reply for each option, in the order in which the options are shown.</summary>
/// <param name="Turns">The prompt.</param>
/// <param name="Replies">The replies, one for each option shown.</param>
/// <param name="Order">The option of the record that stands at each place: <c>Order[place]</c>.</param>
public sealed record ChoicePrompt(IReadOnlyList<ChatTurn> Turns, IReadOnlyList<string> Replies, int[] Order)
{
    private const int MostLetters = 26;

    /// <summary>
    /// Writes a question. The order of the options is drawn from the seed and the record's identifier, so that no position
    /// holds the right answer more often than chance, and the same record looks the same in every run.
    /// </summary>
    /// <param name="record">The question.</param>
    /// <param name="style">How the options are put.</param>
    /// <param name="seed">The seed of the order.</param>
    /// <exception cref="UserFaultException">There are more options than letters.</exception>
    public static ChoicePrompt Of(ChoiceRecord record, ChoiceStyle style, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(record);
        int[] order = [.. Enumerable.Range(0, record.Options.Count)];
        new RandomStream(seed).Fork(record.Id).Shuffle(order.AsSpan());
        var text = new StringBuilder();
        if (record.Context.Length > 0)
            text.Append(record.Context.TrimEnd()).Append("\n\n");
        text.Append("Question: ").Append(record.Question.Trim()).Append('\n');
        if (style == ChoiceStyle.Continuations)
        {
            text.Append("Answer:");
            return new ChoicePrompt([new ChatTurn(ChatRole.User, text.ToString())], [.. order.Select(option => record.Options[option].Trim())], order);
        }

        if (order.Length > MostLetters)
        {
            throw new UserFaultException(
                $"{record.Origin} has {order.Length} options; letters name at most {MostLetters}.", "Ask for continuations instead (choice_style: continuations).");
        }

        for (int place = 0; place < order.Length; place++)
            text.Append(Letter(place)).Append(". ").Append(record.Options[order[place]].Trim()).Append('\n');
        text.Append("Answer:");
        return new ChoicePrompt([new ChatTurn(ChatRole.User, text.ToString())], [.. order.Select((_, place) => Letter(place))], order);
    }

    /// <summary>A distribution over the record's options, in the order in which they are shown.</summary>
    public float[] Shown(IReadOnlyList<float> options) => Array.ConvertAll(Order, option => options[option]);

    /// <summary>Values by place, in the record's order of options.</summary>
    public double[] Recorded(IReadOnlyList<double> shown)
    {
        double[] recorded = new double[Order.Length];
        for (int place = 0; place < Order.Length; place++)
            recorded[Order[place]] = shown[place];
        return recorded;
    }

    private static string Letter(int place) => ((char)('A' + place)).ToString();
}
