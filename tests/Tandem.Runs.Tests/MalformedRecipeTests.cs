using System.Text;
using Tandem.Tensors;

namespace Tandem.Runs.Tests;

/// <summary>Whatever happens to a recipe, it is read or refused in one line; nothing else is thrown, and nothing blows up.</summary>
public sealed class MalformedRecipeTests
{
    private const int Mutations = 1000;
    private const long MostMemory = 64 << 20;

    private const string Sound = """
        name: quick run
        seeds: [1, 2, 3]
        threads: 8
        training:
          steps: 1_500
          learning_rate: 3e-4
          tokens: 20M
          clip: null
        arms:
          - {name: adaptive, generations: 2, rungs: [r1, "r3@8M"]}
          - {name: small, controller: fixed-small}
        weights: {a: 1, b: -2.5e3}
        comment: 'it''s'
        """;

    [Fact]
    public void Recipe_TruncatedOrWithFlippedBits_IsReadOrRefusedInOneLine()
    {
        var random = new RandomStream(11);
        int refused = 0;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(Sound);
            if (i % 4 == 0)
                bytes = bytes[..random.NextInt32(bytes.Length)];
            for (int flips = i % 4; flips > 0; flips--)
                bytes[random.NextInt32(bytes.Length)] ^= (byte)(1 << random.NextInt32(8));
            refused += Refuses(Encoding.UTF8.GetString(bytes)) ? 1 : 0;
        }

        Assert.InRange(refused, Mutations / 4, Mutations);
    }

    [Fact]
    public void Recipe_OfHostileShape_IsRefusedInOneLine()
    {
        // Each anchor doubles what it stands for: a billion values in a few lines, were they copied.
        string bomb = "a0: &a0 [x, x]\n" + string.Concat(Enumerable.Range(1, 40).Select(i => $"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n"));
        string[] hostile =
        [
            bomb, "name: &a [*a]\n", new string('[', 100_000), new string('{', 100_000),
            string.Concat(Enumerable.Range(0, 20_000).Select(i => new string(' ', i % 500) + "a:\n")),
            "name: !!int 99999999999999999999999999\n", "? [a, b]\n: c\n", "name: \0\n", "--- a\n--- b\n", "\uFEFF\u2028name: x",
            $"name: {new string('9', 1_000_000)}e999999999\nthreads: {new string('9', 100_000)}\n",
        ];
        foreach (string yaml in hostile)
            Assert.True(Refuses(yaml), yaml[..Math.Min(40, yaml.Length)]);
    }

    private static bool Refuses(string yaml)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            RecipeReader.Parse<SampleRecipe>(yaml, "quick.yaml", []);
            return false;
        }
        catch (UserFaultException fault)
        {
            Assert.DoesNotContain('\n', fault.Message);
            Assert.Equal(FaultKind.Usage, fault.Kind);
            return true;
        }
        finally
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostMemory);
        }
    }
}
