namespace Tandem.Runs.Tests;

/// <summary>The second process of <see cref="ProcessTests"/>: plays the scenario and says each trainer step.</summary>
public static class Program
{
    /// <summary><c>play DIRECTORY [hold]</c>; with <c>hold</c> it waits at each step for a line of input.</summary>
    public static void Main(string[] args)
    {
        if (args is not ["play", var directory, .. var rest])
            return;
        using RunDirectory run = RunDirectory.Open(directory, Scenario.Recipe);
        Scenario.Play(run, () =>
        {
            Console.WriteLine("step");
            if (rest is ["hold"])
                Console.ReadLine();
        });
    }
}
