using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tandem.Training.Tests")]
