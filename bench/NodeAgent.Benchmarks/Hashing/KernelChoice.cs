namespace NodeAgent.Benchmarks.Hashing;

/// <summary>The kernels by name: benchmark parameters must be public, the kernels are not.</summary>
public enum KernelChoice
{
    Scalar,
    Vector128,
    Vector256,
    Vector512,
}
