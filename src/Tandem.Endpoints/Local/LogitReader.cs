namespace Tandem.Endpoints;

/// <summary>Reads log-probabilities off a row of logits.</summary>
internal static class LogitReader
{
    /// <summary>The log-probability of a token and of the likeliest ones, in double precision.</summary>
    /// <param name="logits">One per token.</param>
    /// <param name="token">The token.</param>
    /// <param name="candidates">How many of the likeliest to list; of equals, the first come first.</param>
    public static GeneratedToken Read(ReadOnlySpan<float> logits, int token, int candidates)
    {
        float largest = float.NegativeInfinity;
        foreach (float logit in logits)
            largest = Math.Max(largest, logit);
        double sum = 0;
        foreach (float logit in logits)
            sum += Math.Exp((double)logit - largest);
        double normalizer = largest + Math.Log(sum);

        candidates = Math.Min(candidates, logits.Length);
        var best = new (int Token, double LogProbability)[candidates];
        int count = 0;
        for (int i = 0; i < logits.Length && candidates > 0; i++)
        {
            double value = logits[i] - normalizer;
            if (count == candidates && !(value > best[^1].LogProbability))
                continue;
            int place = count < candidates ? count++ : candidates - 1;
            for (; place > 0 && best[place - 1].LogProbability < value; place--)
                best[place] = best[place - 1];
            best[place] = (i, value);
        }

        return new GeneratedToken(token, logits[token] - normalizer, best);
    }
}
