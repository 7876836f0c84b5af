using System.Runtime.InteropServices;
using Tandem.Language;

namespace Tandem.Training.Objectives;

/// <summary>
/// Completions of prompts in a packed batch, each prompt once before all of its completions, with the rows that are read of
/// them. Reused over steps.
/// </summary>
internal sealed class CompletionRows
{
    private readonly List<int> _rows = [];
    private readonly List<int> _targets = [];
    private readonly List<float> _weights = [];
    private readonly List<int> _sequences = [];

    /// <summary>The rows to read; a prompt's last row comes once for each completion that it foretells.</summary>
    public ReadOnlySpan<int> Rows => CollectionsMarshal.AsSpan(_rows);

    /// <summary>The token after each row, where completions are foretold.</summary>
    public ReadOnlySpan<int> Targets => CollectionsMarshal.AsSpan(_targets);

    /// <summary>The weight of each of these tokens.</summary>
    public ReadOnlySpan<float> Weights => CollectionsMarshal.AsSpan(_weights);

    /// <summary>The number of the completion that each of these tokens belongs to.</summary>
    public ReadOnlySpan<int> Sequences => CollectionsMarshal.AsSpan(_sequences);

    /// <summary>The number of completions.</summary>
    public int Count { get; private set; }

    public void Clear()
    {
        _rows.Clear();
        _targets.Clear();
        _weights.Clear();
        _sequences.Clear();
        Count = 0;
    }

    /// <summary>Adds completions to be foretold token by token.</summary>
    /// <param name="tokens">The batch to pack into.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="completions">The completions.</param>
    /// <param name="foretelling">The completions without their last tokens.</param>
    /// <param name="mean">Whether a completion's tokens weigh 1 together, rather than each.</param>
    public void AddForetold(
        TokenBatch tokens, ReadOnlySpan<int> prompt, ReadOnlyMemory<int>[] completions, ReadOnlyMemory<int>[] foretelling, bool mean)
    {
        int last = tokens.Count + prompt.Length - 1, next = last + 1;
        tokens.AddBranches(prompt, foretelling);
        foreach (ReadOnlyMemory<int> completion in completions)
        {
            ReadOnlySpan<int> targets = completion.Span;
            for (int i = 0; i < targets.Length; i++)
            {
                _rows.Add(i == 0 ? last : next++);
                _targets.Add(targets[i]);
                _weights.Add(mean ? 1f / targets.Length : 1f);
                _sequences.Add(Count);
            }

            Count++;
        }
    }

    /// <summary>Adds completions to be read at their last tokens.</summary>
    public void AddEnds(TokenBatch tokens, ReadOnlySpan<int> prompt, ReadOnlyMemory<int>[] completions)
    {
        int next = tokens.Count + prompt.Length;
        tokens.AddBranches(prompt, completions);
        foreach (ReadOnlyMemory<int> completion in completions)
        {
            next += completion.Length;
            _rows.Add(next - 1);
            Count++;
        }
    }

    /// <summary>Adds a prompt to be read at its last token.</summary>
    public void AddEnd(TokenBatch tokens, ReadOnlySpan<int> prompt)
    {
        tokens.Add(prompt);
        _rows.Add(tokens.Count - 1);
        Count++;
    }
}
