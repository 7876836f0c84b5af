namespace Tandem.Runs;

/// <summary>
/// Marks a configuration key that does not change what is computed (output directory, number of threads) or that
/// extends a run rather than changing it (the list of seeds): it is left out of the run's identity.
/// </summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class OutsideIdentityAttribute : Attribute;

/// <summary>A configuration record with rules between its keys, checked after it is bound.</summary>
public interface ICheckedRecipe
{
    /// <summary>The rules that do not hold; empty when all do.</summary>
    IEnumerable<RecipeProblem> Check();
}

/// <summary>A rule between keys that does not hold.</summary>
/// <param name="Property">The property to blame, by <c>nameof</c>; its line is shown.</param>
/// <param name="Message">What is wrong: both values and the rule.</param>
/// <param name="Remedy">What the user does about it, as an instruction.</param>
public sealed record RecipeProblem(string Property, string Message, string Remedy);
