/* A consumer outside the tree. */
#include <nacre/nacre.h>

int main(void)
{
    nac_model *m = nac_sequential(nac_input_layer(4), nac_dense(3, .activation = "relu"), nac_dense(1));
    nac_compile(m, .optimizer = nac_sgd(.learning_rate = 0.01), .loss = "mse");
    nac_tensor *x = nac_ones(NAC_FLOAT32, NAC_SHAPE(8, 4)), *y = nac_zeros(NAC_FLOAT32, NAC_SHAPE(8, 1));
    nac_history *h = nac_fit(m, nac_arrays(x, .targets = y), .epochs = 3, .verbose = 0);
    nac_tensor *p = nac_predict(m, x);
    return nac_report() || nac_history_epochs(h) != 3 || nac_size_of(p) != 8;
}
