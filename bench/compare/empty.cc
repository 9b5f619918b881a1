// The floor of T11: what starting any program costs.

int main() {}
