using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tandem.Tensors.Tests")]
[assembly: InternalsVisibleTo("Tandem.Benchmarks")]
