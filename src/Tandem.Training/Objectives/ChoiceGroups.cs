using System.Runtime.InteropServices;
using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>The questions of a micro-batch by their number of answers. Reused over steps.</summary>
internal sealed class ChoiceGroups
{
    private readonly List<ChoiceGroup> _all = [];

    /// <summary>In increasing order of K; groups may be empty.</summary>
    public List<ChoiceGroup> All => _all;

    public void Clear()
    {
        foreach (ChoiceGroup group in _all)
            group.Clear();
    }

    /// <summary>Adds a question whose answers' scores follow each other.</summary>
    public void Add(ChoiceTokensExample example, int item, int firstScore, float smoothing) =>
        Group(example.Target.Length).Add(example, item, firstScore, smoothing);

    private ChoiceGroup Group(int answers)
    {
        // In order of K, whatever came first: the order of the groups is the order in which gradients are added.
        int place = 0;
        while (place < _all.Count && _all[place].Answers < answers)
            place++;
        if (place == _all.Count || _all[place].Answers != answers)
            _all.Insert(place, new ChoiceGroup(answers));
        return _all[place];
    }
}

/// <summary>The questions of a micro-batch that have K answers.</summary>
internal sealed class ChoiceGroup(int answers)
{
    private readonly List<int> _rows = [];
    private readonly List<int> _items = [];
    private readonly List<int> _hardened = [];
    private readonly List<float> _targets = [];
    private readonly List<float> _weights = [];
    private readonly List<float> _probabilities = [];

    /// <summary>K.</summary>
    public int Answers { get; } = answers;

    /// <summary>n.</summary>
    public int Count => _items.Count;

    /// <summary>The place of each question in the micro-batch, [n].</summary>
    public ReadOnlySpan<int> Items => CollectionsMarshal.AsSpan(_items);

    /// <summary>[n, K].</summary>
    public Span<float> Targets => CollectionsMarshal.AsSpan(_targets);

    /// <summary>[n].</summary>
    public Span<float> Weights => CollectionsMarshal.AsSpan(_weights);

    /// <summary>The model's predictions, [n, K].</summary>
    public Span<float> Probabilities => CollectionsMarshal.AsSpan(_probabilities);

    /// <summary>The model's answers, [n].</summary>
    public Span<int> Hardened => CollectionsMarshal.AsSpan(_hardened);

    public void Clear()
    {
        _rows.Clear();
        _items.Clear();
        _hardened.Clear();
        _targets.Clear();
        _weights.Clear();
        _probabilities.Clear();
    }

    public void Add(ChoiceTokensExample example, int item, int firstScore, float smoothing)
    {
        _items.Add(item);
        _hardened.Add(0);
        _weights.Add((float)example.Weight);
        for (int k = 0; k < Answers; k++)
        {
            _rows.Add(firstScore + k);
            _targets.Add(example.Target[k]);
            _probabilities.Add(0);
        }

        if (smoothing > 0)
            WeakTargets.Smooth(Targets[^Answers..], Answers, smoothing);
    }

    /// <summary>The logits of the group's answers, [n, K].</summary>
    /// <param name="tape">What records it.</param>
    /// <param name="scores">The scores of all answers, [answers, 1].</param>
    public Tensor Logits(Tape tape, Tensor scores) => tape.Reshape(tape.GatherRows(scores, CollectionsMarshal.AsSpan(_rows)), Count, Answers);
}

/// <summary>The model's answers over a whole batch, made certain by class proportions, of questions by their number of answers.</summary>
internal sealed class HardenedAnswers
{
    private readonly List<Group> _groups = [];
    private readonly List<ulong> _order = [];
    private readonly List<int> _answers = []; // by place in the batch
    private bool _ready;

    public void Clear()
    {
        foreach (Group group in _groups)
        {
            group.Places.Clear();
            group.Targets.Clear();
            group.Probabilities.Clear();
        }

        _ready = false;
    }

    /// <summary>Adds the predictions of a part of the batch.</summary>
    public void Add(ChoiceGroup questions, Tensor logits, int first)
    {
        Group group = Find(questions.Answers);
        for (int i = 0; i < questions.Count; i++)
            group.Places.Add(first + questions.Items[i]);
        int before = group.Targets.Count;
        for (int i = 0; i < questions.Targets.Length; i++)
        {
            group.Targets.Add(questions.Targets[i]);
            group.Probabilities.Add(0);
        }

        WeakTargets.Softmax(logits.Values, questions.Answers, CollectionsMarshal.AsSpan(group.Probabilities)[before..]);
        _ready = false;
    }

    /// <summary>Reads the answers to a part's questions.</summary>
    public void Read(ChoiceGroup questions, int first)
    {
        if (!_ready)
            Harden();
        for (int i = 0; i < questions.Count; i++)
            questions.Hardened[i] = _answers[first + questions.Items[i]];
    }

    private void Harden()
    {
        foreach (Group group in _groups)
        {
            group.Hardened.Clear();
            foreach (int place in group.Places)
            {
                group.Hardened.Add(0);
                while (_answers.Count <= place)
                    _answers.Add(0);
            }

            Span<int> hardened = CollectionsMarshal.AsSpan(group.Hardened);
            WeakTargets.HardenByProportions(
                CollectionsMarshal.AsSpan(group.Probabilities), CollectionsMarshal.AsSpan(group.Targets), group.Answers, hardened, _order);
            for (int i = 0; i < hardened.Length; i++)
                _answers[group.Places[i]] = hardened[i];
        }

        _ready = true;
    }

    private Group Find(int answers)
    {
        foreach (Group group in _groups)
        {
            if (group.Answers == answers)
                return group;
        }

        _groups.Add(new Group(answers));
        return _groups[^1];
    }

    private sealed class Group(int answers)
    {
        public int Answers { get; } = answers;

        public List<int> Places { get; } = [];

        public List<int> Hardened { get; } = [];

        public List<float> Targets { get; } = [];

        public List<float> Probabilities { get; } = [];
    }
}
