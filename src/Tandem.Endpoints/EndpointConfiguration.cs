using System.Globalization;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Endpoints;

/// <summary>
/// A model behind an OpenAI-compatible server and what may be asked of it. Holds no secret: the key is in an environment
/// variable, which is named here.
/// </summary>
public sealed record EndpointConfiguration
{
    /// <summary>The server's address with its version: <c>http://localhost:8000/v1</c>.</summary>
    public required string BaseAddress { get; init; }

    /// <summary>The model's name, as the server knows it.</summary>
    public required string Model { get; init; }

    /// <summary>The environment variable that holds the key; null for servers that ask for none.</summary>
    public string? ApiKeyVariable { get; init; }

    /// <summary>How long a reply may take, in seconds; of a streamed reply, how long its next part may take. 0.01 to 86,400.</summary>
    public double TimeoutSeconds { get; init; } = 120;

    /// <summary>How many requests are under way at once: 1 to 1,024.</summary>
    public int MaximumConcurrency { get; init; } = 8;

    /// <summary>Requests in a minute; 0 for as many as there are, up to 1,000,000.</summary>
    public int RequestsPerMinute { get; init; }

    /// <summary>Tokens in a minute, prompts and replies together; 0 for as many as there are.</summary>
    public long TokensPerMinute { get; init; }

    /// <summary>How often a request is tried again after a fault that may pass: 0 to 20.</summary>
    public int Retries { get; init; } = 5;

    /// <summary>The median wait before the first retry, in seconds, doubled with each one after it: 0.001 to 3,600.</summary>
    public double FirstRetryDelaySeconds { get; init; } = 1;

    /// <summary>
    /// The longest wait before a retry, in seconds: 0.001 to 3,600. A server that asks for a longer one is given up.
    /// </summary>
    public double LongestRetryDelaySeconds { get; init; } = 120;

    /// <summary>The price of a million tokens of prompts.</summary>
    public decimal InputPrice { get; init; }

    /// <summary>The price of a million tokens of replies.</summary>
    public decimal OutputPrice { get; init; }

    /// <summary>The most tokens to spend in all, prompts and replies together; null for no limit.</summary>
    public long? BudgetTokens { get; init; }

    /// <summary>The most money to spend in all, in the unit of the prices; null for no limit.</summary>
    public decimal? BudgetMoney { get; init; }

    /// <summary>The sampling temperature, 0 to 2; null leaves it to the server.</summary>
    public double? Temperature { get; init; }

    /// <summary>The seed of sampling, for servers that heed it; null leaves it to the server.</summary>
    public long? Seed { get; init; }

    /// <summary>The most tokens of a reply, where a request does not say: 1 to 1,000,000. The budget's worst case counts them.</summary>
    public int MaximumOutputTokens { get; init; } = 1024;

    /// <summary>
    /// Whether the limit is sent as <c>max_completion_tokens</c>, as OpenAI's reasoning models demand, and not as
    /// <c>max_tokens</c>, which every server knows.
    /// </summary>
    public bool SendsMaximumCompletionTokens { get; init; }

    /// <summary>More fields of every request's body, as the text of a JSON object: <c>{"top_k": 20}</c>. Empty for none.</summary>
    public string ExtraBody { get; init; } = "";

    /// <summary>Checks every value.</summary>
    /// <param name="place">Where the configuration comes from: faults begin with it.</param>
    /// <exception cref="UserFaultException">A value is out of its range; the message gives it, the range and the place.</exception>
    public EndpointConfiguration Validate(string place = "endpoint")
    {
        UserFaultException Fault(string name, object? value, string allowed) => new(
            string.Create(CultureInfo.InvariantCulture, $"{place}: {name} is '{value}'; allowed: {allowed}."), $"Correct {name}.", FaultKind.Usage);

        void Range<T>(string name, T value, T least, T most) where T : IComparable<T>
        {
            // NaN compares as less than any number.
            if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0)
                throw Fault(name, value, string.Create(CultureInfo.InvariantCulture, $"{least} to {most}"));
        }

        if (!Uri.TryCreate(BaseAddress, UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https"))
            throw Fault(nameof(BaseAddress), BaseAddress, "an http or https address, such as http://localhost:8000/v1");
        if (address.UserInfo.Length > 0)
            throw Fault(nameof(BaseAddress), "(not shown)", "an address without a password; the key belongs in an environment variable");
        if (string.IsNullOrWhiteSpace(Model))
            throw Fault(nameof(Model), Model, "a name");
        if (ApiKeyVariable is { } variable && (variable.Length == 0 || !variable.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')))
            throw Fault(nameof(ApiKeyVariable), "(not shown)", "the name of an environment variable: letters, digits, _. The key itself does not belong here");
        Range(nameof(TimeoutSeconds), TimeoutSeconds, 0.01, 86400);
        Range(nameof(MaximumConcurrency), MaximumConcurrency, 1, 1024);
        Range(nameof(RequestsPerMinute), RequestsPerMinute, 0, 1_000_000);
        Range(nameof(TokensPerMinute), TokensPerMinute, 0, 1_000_000_000_000);
        Range(nameof(Retries), Retries, 0, 20);
        Range(nameof(FirstRetryDelaySeconds), FirstRetryDelaySeconds, 0.001, 3600);
        Range(nameof(LongestRetryDelaySeconds), LongestRetryDelaySeconds, 0.001, 3600);
        Range(nameof(InputPrice), InputPrice, 0, 1_000_000);
        Range(nameof(OutputPrice), OutputPrice, 0, 1_000_000);
        Range(nameof(BudgetTokens), BudgetTokens ?? 0, 0, long.MaxValue / 2);
        Range(nameof(BudgetMoney), BudgetMoney ?? 0, 0, 1_000_000_000);
        if (BudgetMoney is not null && InputPrice == 0 && OutputPrice == 0)
            throw Fault(nameof(BudgetMoney), BudgetMoney, $"none while {nameof(InputPrice)} and {nameof(OutputPrice)} are 0, for nothing would ever be spent");
        Range(nameof(Temperature), Temperature ?? 0, 0, 2);
        Range(nameof(MaximumOutputTokens), MaximumOutputTokens, 1, 1_000_000);
        if (Extra() is null)
            throw Fault(nameof(ExtraBody), ExtraBody, "the text of a JSON object, or nothing");
        return this;
    }

    /// <summary>The fields of <see cref="ExtraBody"/> in order of their names; null when it is no JSON object.</summary>
    internal Dictionary<string, JsonElement>? Extra()
    {
        if (ExtraBody.Length == 0)
            return [];
        try
        {
            using var document = JsonDocument.Parse(ExtraBody, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return document.RootElement.ValueKind != JsonValueKind.Object ? null : document.RootElement.EnumerateObject()
                .OrderBy(p => p.Name, StringComparer.Ordinal).ToDictionary(p => p.Name, p => p.Value.Clone(), StringComparer.Ordinal);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The key; null when the configuration names none.</summary>
    /// <exception cref="UserFaultException">The variable is not set.</exception>
    internal string? ReadApiKey()
    {
        if (ApiKeyVariable is null)
            return null;
        return Environment.GetEnvironmentVariable(ApiKeyVariable) is { Length: > 0 } key ? key : throw new UserFaultException(
            $"The environment variable {ApiKeyVariable}, which holds the key of {BaseAddress}, is not set.",
            $"Set {ApiKeyVariable}, or remove it from the configuration.", FaultKind.Usage);
    }
}
