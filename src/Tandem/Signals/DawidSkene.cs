namespace Tandem.Signals;

/// <summary>One vote: a source gives an item a label. A source may vote on an item more than once, or not at all.</summary>
public readonly record struct SourceVote(int Item, int Source, int Label);

/// <summary>Settings of a <see cref="DawidSkene"/> fit.</summary>
public sealed record DawidSkeneSettings
{
    /// <summary>The fit stops, unconverged, after so many iterations.</summary>
    public int MaximumIterations { get; init; } = 1000;

    /// <summary>The fit has converged when no posterior probability moves by more than this.</summary>
    public double Tolerance { get; init; } = 1e-6;

    /// <summary>Pseudo-votes in favour of each source being right: with the next, the weak prior that sources beat chance.</summary>
    public double RightPseudoVotes { get; init; } = 2;

    /// <summary>Pseudo-votes in favour of each source being wrong, spread over the wrong labels.</summary>
    public double WrongPseudoVotes { get; init; } = 1;

    /// <summary>
    /// How much each vote counts towards an item's posterior, in (0, 1]. 1 takes the sources as independent given the
    /// truth, as the model does; n_eff / N (see <see cref="ErrorCorrelation"/>) keeps correlated sources from being overconfident.
    /// </summary>
    public double EvidenceWeight { get; init; } = 1;

    /// <summary>The settings unless asked otherwise.</summary>
    public static DawidSkeneSettings Default { get; } = new();
}

/// <summary>A fit with a full confusion matrix per source.</summary>
/// <param name="Posteriors">Per item the probability of each class; the prevalence where nobody voted.</param>
/// <param name="Prevalence">The probability of each class.</param>
/// <param name="Confusion">[source][true class][label]: each source's probability of a label given the class.</param>
/// <param name="LogLikelihood">The log-likelihood of the votes at the last iteration.</param>
/// <param name="Iterations">Iterations done.</param>
/// <param name="Converged">Whether it converged within the iterations allowed.</param>
public sealed record ConfusionFit(
    double[][] Posteriors, double[] Prevalence, double[][][] Confusion, double LogLikelihood, int Iterations, bool Converged);

/// <summary>A fit with one accuracy per source.</summary>
/// <param name="Posteriors">Per item the probability of each option; uniform where nobody voted.</param>
/// <param name="Accuracy">Each source's probability of voting for the right option.</param>
/// <param name="LogLikelihood">The log-likelihood of the votes at the last iteration.</param>
/// <param name="Iterations">Iterations done.</param>
/// <param name="Converged">Whether it converged within the iterations allowed.</param>
public sealed record OneCoinFit(double[][] Posteriors, double[] Accuracy, double LogLikelihood, int Iterations, bool Converged);

/// <summary>
/// Truth and source quality from votes alone (Dawid and Skene 1979, Applied Statistics 28, 20-28): expectation
/// maximization over the items' unknown labels, with sources independent given the truth, started from vote shares.
/// The priors (pseudo-votes) and the one-coin form for shuffled options are ours to choose; with both at 0 and full
/// confusion it is the paper's estimator.
/// </summary>
public static class DawidSkene
{
    private const double Floor = 1e-12;

    /// <summary>Fits a confusion matrix per source over classes that mean the same in every item.</summary>
    /// <param name="votes">The votes, in any order.</param>
    /// <param name="items">The number of items.</param>
    /// <param name="sources">The number of sources.</param>
    /// <param name="classes">The number of classes, at least 2.</param>
    /// <param name="settings">Priors and limits.</param>
    public static ConfusionFit FitConfusion(
        IReadOnlyList<SourceVote> votes, int items, int sources, int classes, DawidSkeneSettings? settings = null)
    {
        settings ??= DawidSkeneSettings.Default;
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 2);
        int[] options = new int[items];
        Array.Fill(options, classes);
        Check(votes, options, sources, settings);
        double[][] posteriors = VoteShares(votes, options);
        double[] prevalence = new double[classes];
        double[][][] confusion = [];
        double likelihood = 0;
        int iteration = 0;
        bool converged = false;
        while (!converged && iteration < settings.MaximumIterations)
        {
            iteration++;
            for (int c = 0; c < classes; c++)
                prevalence[c] = items == 0 ? 1.0 / classes : posteriors.Sum(row => row[c]) / items;
            confusion = Confusion(votes, posteriors, sources, classes, settings);
            double[][] next = [.. options.Select(_ => prevalence.Select(p => Math.Log(Math.Max(p, Floor))).ToArray())];
            foreach (SourceVote vote in votes)
            {
                for (int c = 0; c < classes; c++)
                    next[vote.Item][c] += settings.EvidenceWeight * Math.Log(Math.Max(confusion[vote.Source][c][vote.Label], Floor));
            }

            likelihood = next.Sum(Normalize);
            converged = Change(posteriors, next) < settings.Tolerance;
            posteriors = next;
        }

        return new ConfusionFit(posteriors, prevalence, confusion, likelihood, iteration, converged);
    }

    /// <summary>
    /// Fits one accuracy per source over options that are shuffled in every item, so that an option's index carries no
    /// meaning: a wrong vote falls on each wrong option alike, and every option is equally likely to be right.
    /// </summary>
    /// <param name="votes">The votes, in any order; labels are option indices.</param>
    /// <param name="options">Each item's number of options, at least 2.</param>
    /// <param name="sources">The number of sources.</param>
    /// <param name="settings">Priors and limits.</param>
    public static OneCoinFit FitOneCoin(
        IReadOnlyList<SourceVote> votes, IReadOnlyList<int> options, int sources, DawidSkeneSettings? settings = null)
    {
        settings ??= DawidSkeneSettings.Default;
        Check(votes, options, sources, settings);
        double[][] posteriors = VoteShares(votes, options);
        double[] accuracy = new double[sources];
        double likelihood = 0;
        int iteration = 0;
        bool converged = false;
        while (!converged && iteration < settings.MaximumIterations)
        {
            iteration++;
            double[] right = new double[sources], total = new double[sources];
            foreach (SourceVote vote in votes)
            {
                right[vote.Source] += posteriors[vote.Item][vote.Label];
                total[vote.Source]++;
            }

            double prior = settings.RightPseudoVotes + settings.WrongPseudoVotes;
            for (int s = 0; s < sources; s++)
                accuracy[s] = total[s] + prior > 0 ? (right[s] + settings.RightPseudoVotes) / (total[s] + prior) : 0.5;
            double[][] next = [.. options.Select(count => Enumerable.Repeat(-Math.Log(count), count).ToArray())];
            foreach (SourceVote vote in votes)
            {
                double[] row = next[vote.Item];
                double hit = Math.Log(Math.Max(accuracy[vote.Source], Floor));
                double miss = Math.Log(Math.Max((1 - accuracy[vote.Source]) / (row.Length - 1), Floor));
                for (int option = 0; option < row.Length; option++)
                    row[option] += settings.EvidenceWeight * (option == vote.Label ? hit : miss);
            }

            likelihood = next.Sum(Normalize);
            converged = Change(posteriors, next) < settings.Tolerance;
            posteriors = next;
        }

        return new OneCoinFit(posteriors, accuracy, likelihood, iteration, converged);
    }

    private static double[][][] Confusion(
        IReadOnlyList<SourceVote> votes, double[][] posteriors, int sources, int classes, DawidSkeneSettings settings)
    {
        var confusion = new double[sources][][];
        for (int s = 0; s < sources; s++)
        {
            confusion[s] = new double[classes][];
            for (int c = 0; c < classes; c++)
            {
                confusion[s][c] = new double[classes];
                Array.Fill(confusion[s][c], settings.WrongPseudoVotes / (classes - 1));
                confusion[s][c][c] = settings.RightPseudoVotes;
            }
        }

        foreach (SourceVote vote in votes)
        {
            for (int c = 0; c < classes; c++)
                confusion[vote.Source][c][vote.Label] += posteriors[vote.Item][c];
        }

        foreach (double[] row in confusion.SelectMany(matrix => matrix))
        {
            double sum = row.Sum();
            for (int label = 0; label < classes; label++)
                row[label] = sum > 0 ? row[label] / sum : 1.0 / classes;
        }

        return confusion;
    }

    private static double[][] VoteShares(IReadOnlyList<SourceVote> votes, IReadOnlyList<int> options)
    {
        double[][] shares = [.. options.Select(count => new double[count])];
        foreach (SourceVote vote in votes)
            shares[vote.Item][vote.Label]++;
        foreach (double[] row in shares)
        {
            double sum = row.Sum();
            for (int option = 0; option < row.Length; option++)
                row[option] = sum > 0 ? row[option] / sum : 1.0 / row.Length;
        }

        return shares;
    }

    // Turns log weights into probabilities in place; returns the log of their sum.
    private static double Normalize(double[] row)
    {
        double highest = row.Max(), sum = 0;
        foreach (double value in row)
            sum += Math.Exp(value - highest);
        double log = highest + Math.Log(sum);
        for (int i = 0; i < row.Length; i++)
            row[i] = Math.Exp(row[i] - log);
        return log;
    }

    private static double Change(double[][] before, double[][] after)
    {
        double largest = 0;
        for (int i = 0; i < before.Length; i++)
        {
            for (int c = 0; c < before[i].Length; c++)
                largest = Math.Max(largest, Math.Abs(before[i][c] - after[i][c]));
        }

        return largest;
    }

    private static void Check(IReadOnlyList<SourceVote> votes, IReadOnlyList<int> options, int sources, DawidSkeneSettings settings)
    {
        if (!(settings.EvidenceWeight is > 0 and <= 1) || settings.RightPseudoVotes < 0 || settings.WrongPseudoVotes < 0)
            throw new ArgumentOutOfRangeException(nameof(settings), settings, "The evidence weight lies in (0, 1] and pseudo-votes are not negative.");
        if (options.Any(count => count < 2))
            throw new ArgumentException("Every item has two or more options.", nameof(options));
        foreach (SourceVote vote in votes)
        {
            if (vote.Item < 0 || vote.Item >= options.Count || vote.Source < 0 || vote.Source >= sources
                || vote.Label < 0 || vote.Label >= options[vote.Item])
            {
                throw new ArgumentOutOfRangeException(nameof(votes), vote, $"The vote names an item, source or label outside of {options.Count} items and {sources} sources.");
            }
        }
    }
}
