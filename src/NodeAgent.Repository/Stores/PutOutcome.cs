namespace NodeAgent.Repository.Stores;

/// <summary>What a create-only put did.</summary>
public enum PutOutcome
{
    /// <summary>The object is now there, durably.</summary>
    Created,

    /// <summary>An object of that name was there already and was not changed.</summary>
    AlreadyExists,
}
