using System.CommandLine;
using Tandem.Tensors;

namespace Tandem.Cli;

/// <summary>Exit codes, faults and interruption, the same for every verb.</summary>
internal static class CommandLine
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int BadUsage = 2;
    public const int GateNotMet = 3;
    public const int Interrupted = 130;

    /// <summary>Parses and runs; faults become one line on standard error.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                await Console.Error.WriteLineAsync($"tandem: {error.Message}");
            await Console.Error.WriteLineAsync("tandem: see 'tandem --help' for examples.");
            return BadUsage;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    /// <summary>Runs a verb's work with Ctrl-C and SIGTERM as cancellation.</summary>
    /// <param name="work">The work.</param>
    /// <param name="resume">The command that resumes what was interrupted.</param>
    public static int Guard(Func<CancellationToken, int> work, Func<string> resume)
    {
        using var interruption = new CancellationTokenSource();
        void Cancel(System.Runtime.InteropServices.PosixSignalContext context)
        {
            context.Cancel = true;
            interruption.Cancel();
        }

        using var interrupt = System.Runtime.InteropServices.PosixSignalRegistration.Create(
            System.Runtime.InteropServices.PosixSignal.SIGINT, Cancel);
        using var terminate = System.Runtime.InteropServices.PosixSignalRegistration.Create(
            System.Runtime.InteropServices.PosixSignal.SIGTERM, Cancel);
        try
        {
            return work(interruption.Token);
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine($"tandem: interrupted; nothing is lost. Go on with: {resume()}");
            return Interrupted;
        }
        catch (UserFaultException fault)
        {
            Console.Error.WriteLine($"tandem: {fault.Message.ReplaceLineEndings(" ")}");
            return (int)fault.Kind;
        }
        catch (IOException fault)
        {
            Console.Error.WriteLine(
                $"tandem: {fault.Message.ReplaceLineEndings(" ")} Free some space or choose another folder with --out, then run the same command to go on.");
            return Failed;
        }
    }
}
