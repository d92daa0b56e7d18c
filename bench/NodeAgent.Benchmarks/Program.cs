using BenchmarkDotNet.Running;
using NodeAgent.Benchmarks.Index;

if (args is ["index-scale", .. var rest]) return await IndexScale.RunAsync(rest);
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
return 0;
